import type { Argument, Command, Option } from 'commander'

/** A word that could stand there, with a few words about it. */
export interface Candidate {
  readonly value: string
  readonly about?: string
}

/** What else could stand there: names that only the runtime knows, or files. */
export type Wanted = 'pod' | 'container' | 'image' | 'file' | 'pod-or-container' | 'place'

export interface Completion {
  readonly candidates: readonly Candidate[]
  readonly wanted?: Wanted
}

/** What an argument of this name is, in the usage of commands. */
const wantedByName: Readonly<Record<string, Wanted>> = {
  pod: 'pod',
  container: 'container',
  image: 'image',
  name: 'pod-or-container',
  from: 'place',
  to: 'place',
  file: 'file',
  path: 'file',
  'container-config': 'file',
  'pod-config': 'file',
}

/** The same for the value of an option, by its long name. */
const wantedByOption: Readonly<Record<string, Wanted>> = {
  '--pod': 'pod',
  '--image': 'image',
  '--filename': 'file',
  '--config': 'file',
  '--input': 'file',
  '--auth-file': 'file',
  '--tls-cert': 'file',
  '--tls-key': 'file',
  '--tls-ca': 'file',
}

/**
 * What could stand in place of the last of `words`, the ones after the program's name.
 *
 * @param program with all its commands; its own options may stand before a command
 */
export function complete(program: Command, words: readonly string[]): Completion {
  const { command, position, pending, ended } = walk(program, words.slice(0, -1))
  const partial = words.at(-1) ?? ''
  if (pending) return ofOption(pending)
  if (ended) return { candidates: [] }
  const options = visibleOptions(program, command).map(({ long, short, description }) => ({
    value: long ?? short ?? '',
    about: description,
  }))
  if (partial.startsWith('-')) return { candidates: startingWith(options, partial) }
  if (command.commands.length > 0) return { candidates: startingWith(commandsOf(command), partial) }
  const argument = command.registeredArguments[position] ?? lastVariadic(command.registeredArguments)
  if (!argument) return { candidates: [] }
  const choices = choicesOf(command, argument)
  if (choices)
    return {
      candidates: startingWith(
        choices.map((value) => ({ value })),
        partial,
      ),
    }
  const wanted = wantedByName[argument.name()]
  return { candidates: [], ...(wanted && { wanted }) }
}

interface Walk {
  readonly command: Command
  /** How many arguments of the command have been given. */
  readonly position: number
  /** The option whose value comes next. */
  readonly pending?: Option
  /** What follows is not berth's own: the command of `exec`. */
  readonly ended: boolean
}

function walk(program: Command, words: readonly string[]): Walk {
  let command = program
  let position = 0
  let pending: Option | undefined
  for (const word of words) {
    if (pending) {
      pending = undefined
    } else if (word.startsWith('-') && word !== '-') {
      const option = [...command.options, ...program.options].find(({ long, short }) => word === long || word === short)
      if (option && (option.required || option.optional)) pending = option
    } else {
      const inner = command.commands.find((other) => other.name() === word || other.aliases().includes(word))
      if (inner) command = inner
      else position++
    }
  }
  const ended = command.name() === 'exec' && position > 0
  return { command, position, ended, ...(pending && { pending }) }
}

function ofOption(option: Option): Completion {
  const formats = /^output format: (.*)$/.exec(option.description)?.[1]?.split(', ')
  const values = option.argChoices ?? formats?.map((format) => format.replace(/=.*/, '='))
  if (values) return { candidates: values.map((value) => ({ value })) }
  const wanted = wantedByOption[option.long ?? '']
  return { candidates: [], ...(wanted && { wanted }) }
}

/** Those of the program stand before the command alone. */
function visibleOptions(program: Command, command: Command): readonly Option[] {
  const help = program.createHelp()
  return help.visibleOptions(command)
}

function commandsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((inner) => ({ value: inner.name(), about: inner.description() }))
}

const startingWith = (candidates: readonly Candidate[], partial: string) =>
  candidates.filter(({ value }) => value.startsWith(partial))

function lastVariadic(args: readonly Argument[]): Argument | undefined {
  const last = args.at(-1)
  return last?.variadic ? last : undefined
}

function choicesOf(command: Command, argument: Argument): readonly string[] | undefined {
  if (argument.argChoices) return argument.argChoices
  if (command.name() === 'top' && argument.name() === 'what') return ['containers', 'pods']
  return undefined
}
