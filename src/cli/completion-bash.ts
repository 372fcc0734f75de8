/**
 * The completion for bash as a script that asks nobody: commands, their options, choices, files.
 * Made from the tables of commands and options. Owns the wording; needs no bash-completion.
 */
import type { OptionEntry } from '../config/options.ts';
import { VERSION } from '../version.ts';
import { type Command, flagOf, optionsOf } from './command.ts';

/** Options whose value is a file, by the name of the value in the usage. */
const FILES: ReadonlySet<string> = new Set(['FILE|DIR', 'FILE', 'PATH', 'DIR', 'FILE.prom']);

export function bashCompletion(commands: readonly Command[]): string {
  return `# bash completion of seqshim ${VERSION}, made by: seqshim completion bash
_seqshim() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} word command='' words=''
  local place=0 i
  COMPREPLY=()
  # --mode=observe comes as three words.
  if [[ $cur == = ]]; then cur=''
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == -* || $word == = || \${COMP_WORDS[i - 1]} == = ]] && continue
    if [[ -z $command ]]; then command=$word; else ((place++)); fi
  done
  case $prev in
${valueCases(commands).map(indent).join('\n')}
  esac
  case $command in
    '') words='${commands.map(({ name }) => name).join(' ')} --help --version' ;;
${commands.map(commandCase).map(indent).join('\n')}
    *) return ;;
  esac
  [[ $cur != -* && $words == *@files* ]] && { _seqshim_files; return; }
  COMPREPLY=($(compgen -W "\${words//@files/}" -- "$cur"))
}
_seqshim_files() {
  local IFS=$'\\n'
  compopt -o filenames
  COMPREPLY=($(compgen -f -- "$cur"))
}
complete -F _seqshim seqshim
`;
}

/** What may follow an option that takes a value. One name means one thing in all commands. */
function valueCases(commands: readonly Command[]): string[] {
  const entries = new Map<string, OptionEntry>();
  for (const entry of commands.flatMap(optionsOf)) entries.set(entry.name, entry);
  const valued = [...entries.values()].filter(({ type }) => type !== 'flag');
  const choices = valued.filter((entry) => entry.choices !== undefined);
  const files = valued.filter(({ value }) => FILES.has(value));
  const free = valued.filter((entry) => !choices.includes(entry) && !files.includes(entry));
  return [
    ...choices.map(
      ({ name, choices: may = [] }) =>
        `--${name}) COMPREPLY=($(compgen -W '${may.join(' ')}' -- "$cur")); return ;;`,
    ),
    `${files.map(({ name }) => `--${name}`).join(' | ')}) _seqshim_files; return ;;`,
    `${free.map(({ name }) => `--${name}`).join(' | ')}) return ;;`,
  ];
}

/** The choices of the place first; `@files`: files stand there. */
function commandCase(command: Command): string {
  const flags = optionsOf(command).map((entry) => flagOf(entry).split(' ')[0]);
  const [first, second] = command.positionals ?? [];
  const words = [...flags, '--help'].join(' ');
  if (first === undefined) return `${command.name}) words='${words}' ;;`;
  if (first.isList) return `${command.name}) words='@files ${words}' ;;`;
  const choices = first.choices?.join(' ') ?? '';
  const later = second === undefined ? words : `@files ${words}`;
  return `${command.name}) if ((place)); then words='${later}'; else words='${choices} ${words}'; fi ;;`;
}

function indent(line: string): string {
  return `    ${line}`;
}
