import { berthPrints, commandNames } from '../../scripts/package/help-texts.ts'

/** Words that may follow `berth` in running text, or that stand for something. */
const placeholder = /^(…|[A-Z_]+|\.\.\.|<.*|\[.*|\$.*|VERB.*)$/

/** No command of berth: what the program says of itself, and a verb that crictl alone has. */
const foreign: ReadonlySet<string> = new Set([
  'berth 0.1.0 serves CRI v1 at unix:///run/berth/berth.sock after 0.29 s',
  'crictl checkpoint',
])

/** What is wrong with the command lines of `berth` and `crictl` in a text; crictl's verbs and options are also berth's. */
export async function wrongCommands(text: string): Promise<readonly string[]> {
  const verbs = new Set([...(await commandNames()), 'help'])
  const wrong: string[] = []
  for (const line of commandLines(text)) {
    const words = line.split(/\s+/).slice(1)
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
        /(?:^|[$(|&;] ?|\bxargs |sudo |^ +|if )(?:bin\/)?((?:berth|crictl)(?: [^|;&>)#<]*)?)(?=$|[|;&>)#<])/g,
      ),
    ]
      .map(([, command]) => (command as string).replace(/ {3,}.*/, '').trim())
      .filter((command) => /^(berth|crictl)( |$)/.test(command)),
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
  const help = helps.get(key) ?? berthPrints([...command, '--help'])
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
