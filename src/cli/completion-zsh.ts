/**
 * The completion for zsh, for a file _seqshim in its fpath. Made from the tables of commands and
 * options. Owns the wording; see zshcompsys(1), _arguments.
 */
import type { OptionEntry } from '../config/options.ts';
import { VERSION } from '../version.ts';
import { type Command, flagOf, optionsOf, type Positional } from './command.ts';

export function zshCompletion(commands: readonly Command[]): string {
  return `#compdef seqshim
# zsh completion of seqshim ${VERSION}, made by: seqshim completion zsh
_seqshim() {
  local -a commands
  if (( CURRENT == 2 )); then
    commands=(
${commands.map(({ name, does }) => `      ${quoted(`${name}:${escaped(does)}`)}`).join('\n')}
    )
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map(commandCase).join('\n')}
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _seqshim "$@"; else compdef _seqshim seqshim; fi
`;
}

function commandCase(command: Command): string {
  const specs = [
    ...optionsOf(command).map(optionSpec),
    ...(command.positionals ?? []).map(positionalSpec),
  ];
  const lines = ['_arguments', ...specs.map(quoted)].join(' \\\n        ');
  return `    ${command.name})\n      ${lines} ;;`;
}

function optionSpec(entry: OptionEntry): string {
  const help = `[${escaped(entry.help)}]`;
  if (entry.type === 'flag') return `${flagOf(entry)}${help}`;
  const repeats = entry.type === 'list' ? '*' : '';
  return `${repeats}--${entry.name}=${help}:${escaped(entry.value)}:${valuesOf(entry)}`;
}

function valuesOf({ choices, value }: OptionEntry): string {
  if (choices !== undefined) return `(${choices.join(' ')})`;
  return /FILE|PATH|DIR/.test(value) ? '_files' : '';
}

function positionalSpec({ name, choices, isOptional, isList }: Positional): string {
  const values = choices === undefined ? '_files' : `(${choices.join(' ')})`;
  return `${isList ? '*' : ''}${isOptional ? ':' : ''}:${name}:${values}`;
}

function escaped(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, '\\$&');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
