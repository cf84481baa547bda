import { berthdHelp, berthPrints, commandNames } from './help-texts.ts'

export interface ManualPage {
  readonly name: string
  readonly section: 1 | 8
  /** A line of what it is. */
  readonly about: string
  readonly version: string
  /** Heading and preformatted text. */
  readonly chapters: readonly (readonly [string, string])[]
}

/** The text of a page in man(7)'s macros. */
export function manualPage({ name, section, about, version, chapters }: ManualPage): string {
  const head = `.TH ${name.toUpperCase()} ${section} "" "Berth ${version}"\n.SH NAME\n${name} \\- ${escape(about)}\n`
  const body = chapters.map(([heading, text]) => `.SH ${heading}\n.nf\n${escape(text.trimEnd())}\n.fi\n`)
  return head + body.join('')
}

/** The pages berth(1) and berthd(8), made of what `--help` prints. */
export async function manualPages(root: string, version: string): Promise<Readonly<Record<string, string>>> {
  const commands: (readonly [string, string])[] = []
  for (const name of await commandNames()) {
    if (name !== 'help') commands.push([name.toUpperCase(), await berthPrints([name, '--help'])])
  }
  const berth = manualPage({
    name: 'berth',
    section: 1,
    about: 'runs and shows pods, containers and images of a CRI runtime',
    version,
    chapters: [['COMMANDS', await berthPrints(['--help'])], ...commands, ['SEE ALSO', 'berthd(8)']],
  })
  const berthd = manualPage({
    name: 'berthd',
    section: 8,
    about: 'a Kubernetes container runtime',
    version,
    chapters: [
      ['OPTIONS', berthdHelp(root)],
      ['FILES', '/etc/berth/config.toml\n/var/lib/berth\n/run/berth\n/var/log/berth'],
      ['SEE ALSO', 'berth(1)'],
    ],
  })
  return { 'man1/berth.1': berth, 'man8/berthd.8': berthd }
}

/** A backslash begins an escape, and a dot or a quote at the start of a line a macro; a bare minus may become a hyphen. */
function escape(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^([.'])/gm, '\\&$1')
}
