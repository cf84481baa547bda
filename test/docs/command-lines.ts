import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { berthdHelp, berthPrints, commandNames } from '../../scripts/package/help-texts.ts'
import { repository } from '../harness/berthd.ts'

/** Words that may follow `berth` in running text, or that stand for something. */
const placeholder = /^(…|[A-Z_]+|\.\.\.|<.*|\[.*|\$.*|VERB.*)$/

/** No command of berth: what the program says of itself, and a verb that crictl alone has. */
const foreign: ReadonlySet<string> = new Set([
  'berth 0.1.0 serves CRI v1 at unix:///run/berth/berth.sock after 0.29 s',
  'crictl checkpoint',
])

/**
 * What is wrong with the command lines of `berth`, `berthd`, `crictl` and `npm` in a text; crictl's verbs and options are also
 * berth's.
 */
export async function wrongCommands(text: string): Promise<readonly string[]> {
  const verbs = new Set([...(await commandNames()), 'help'])
  const wrong: string[] = wrongScripts(text)
  for (const line of commandLines(text)) {
    const [program, ...words] = line.split(/\s+/)
    if (program === 'berthd') {
      wrong.push(
        ...(await unknownOptions(words, await optionsOf(['berthd']))).map((option) => `${line}: no option ${option}`),
      )
      continue
    }
    const verbAt = skipGlobal(words)
    const verb = words[verbAt]
    const globals = await unknownOptions(words.slice(0, verbAt), await optionsOf([]))
    wrong.push(...globals.map((option) => `${line}: no option ${option}`))
    if (verb === undefined || placeholder.test(verb) || foreign.has(line)) continue
    if (!verbs.has(verb)) {
      wrong.push(`${line}: no command ${verb}`)
      continue
    }
    const sub = verb === 'config' ? [verb, words[verbAt + 1] ?? ''] : [verb]
    const rest = words.slice(verbAt + sub.length)
    const own = verb === 'exec' ? rest.slice(0, firstOperands(rest)) : rest
    const unknown = await unknownOptions(own, await optionsOf(sub.filter((word) => word !== '')))
    wrong.push(...unknown.map((option) => `${line}: no option ${option}`))
  }
  return wrong
}

/** Everything in code (spans, fenced and indented blocks) that begins with berth or crictl, up to where the shell ends it. */
function commandLines(text: string): readonly string[] {
  const code: string[] = []
  const outside = text.replaceAll(/^```.*\n([\s\S]*?)^```/gm, (_, body: string) => {
    code.push(...body.replaceAll('\\\n', ' ').split('\n'))
    return ''
  })
  for (const line of outside.split('\n')) if (line.startsWith('    ')) code.push(line)
  for (const [, span] of outside.matchAll(/`([^`]+)`/g)) code.push((span as string).replaceAll('\n', ' '))
  return code.flatMap((line) =>
    [
      ...line.matchAll(
        /(?:^|[$(|&;] ?|\bxargs |sudo |^ +|if )(?:bin\/)?((?:berthd?|crictl)(?: [^|;&>)#<]*)?)(?=$|[|;&>)#<])/g,
      ),
    ]
      .map(([, command]) => (command as string).replace(/ {3,}.*/, '').trim())
      .filter((command) => /^(berthd? |crictl |(berth|crictl)$)/.test(command)),
  )
}

/** How many words before the verb are options of berth itself, with their values. */
function skipGlobal(words: readonly string[]): number {
  let at = 0
  while (words[at]?.startsWith('-'))
    at += /^(-[rit]|--(runtime|image)-endpoint|--timeout)$/.test(words[at] as string) ? 2 : 1
  return at
}

/** Where the command of `exec` begins: after the container's name. */
function firstOperands(words: readonly string[]): number {
  const at = words.findIndex((word) => !word.startsWith('-'))
  return at === -1 ? words.length : at
}

const helps = new Map<string, Promise<string>>()

async function optionsOf(command: readonly string[]): Promise<ReadonlySet<string>> {
  const key = command.join(' ')
  const help =
    helps.get(key) ?? (key === 'berthd' ? Promise.resolve(berthdHelp(repository)) : berthPrints([...command, '--help']))
  helps.set(key, help)
  return new Set([...(await help).matchAll(/(?<=^ {2}|, )--?[a-zA-Z][a-z-]*/gm)].map(([option]) => option))
}

async function unknownOptions(words: readonly string[], known: ReadonlySet<string>): Promise<readonly string[]> {
  const end = words.indexOf('--')
  return (end === -1 ? words : words.slice(0, end))
    .filter((word) => /^-{1,2}[a-zA-Z]/.test(word))
    .map((word) => word.replace(/=.*/, '').replace(/[,.:]$/, ''))
    .filter((word) => {
      if (known.has(word)) return false
      // -fa is -f and -a.
      return word.startsWith('--') || ![...word.slice(1)].every((letter) => known.has(`-${letter}`))
    })
}

/** The files that have the help of a script which takes options. */
const scriptHelps: Readonly<Record<string, string>> = {
  start: 'scripts/start.mjs',
  package: 'scripts/package/main.ts',
  soak: 'scripts/soak.mjs',
  bench: 'bench/options.ts',
}

/** Scripts of package.json that are not there, and options that they do not have. */
function wrongScripts(text: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { scripts: object }
  const lines = [...text.replaceAll('\\\n', ' ').matchAll(/\bnpm (?:run )?([a-z][a-z:]*)((?: -- [^`\n]*)?)/g)]
  return lines.flatMap(([line, name = '', rest = '']) => {
    if (['ci', 'install', 'pack', 'run', 'packages'].includes(name)) return []
    if (!(name in scripts)) return [`${line}: no script ${name}`]
    const options = [...rest.matchAll(/ (--[a-z][a-z-]*)/g)].map(([, option]) => option as string)
    const help = scriptHelps[name]
    const known = help === undefined ? '' : readFileSync(join(repository, help), 'utf8')
    return options
      .filter((option) => option !== '--help' && !known.includes(option))
      .map((option) => `${line}: no option ${option}`)
  })
}
