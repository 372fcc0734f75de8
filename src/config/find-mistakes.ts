/**
 * Every mistake in the settings, not only the first: what is wrong is taken out, and the rest is
 * looked at again. Asks no resolver: whether names exist is no matter of the file. Owns nothing.
 */
import { configFrom, list } from './config.ts';
import { inOneLine, OperatorError, OptionError } from './errors.ts';
import { mistakeOf, type Settings } from './settings.ts';

const NO_LOOK_UP = async () => [];

export async function findMistakes(settings: Settings): Promise<readonly string[]> {
  const mistakes = [...settings.mistakes];
  const values: Record<string, unknown> = { ...settings.values };
  for (;;) {
    // A file need not name targets: flags may.
    if (list(values, 'target').length === 0) values['target'] = ['all'];
    try {
      await configFrom(values, NO_LOOK_UP);
      return mistakes;
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      const option = error instanceof OptionError ? error : undefined;
      mistakes.push((option && mistakeOf(option, settings)) ?? error.message);
      if (option === undefined || !takeOut(values, option)) return mistakes;
    }
  }
}

/** The wrong item of a list, the whole value of anything else. */
function takeOut(values: Record<string, unknown>, { option, what }: OptionError): boolean {
  if (!(option in values)) return false;
  const items = list(values, option);
  const rest = items.filter((item) => inOneLine(`"${item}"`) !== what);
  if (rest.length > 0 && rest.length < items.length) values[option] = rest;
  else delete values[option];
  return true;
}
