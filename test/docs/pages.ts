import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '../harness/berthd.ts'

/** A block of code, fenced or indented. */
export interface Block {
  readonly page: string
  /** The line of its first command, from 1. */
  readonly line: number
  /** What stands behind the fence: `sh run`; empty for an indented block and one whose fence says nothing. */
  readonly kind: string
  readonly text: string
}

/** The pages for people, from the repository's folder on. */
export const pages = (): readonly string[] => [
  'README.md',
  ...readdirSync(join(repository, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]

export const textOf = (page: string): string => readFileSync(join(repository, page), 'utf8')

/** The blocks of a page, in order. */
export function blocksOf(page: string): readonly Block[] {
  const blocks: Block[] = []
  let open: { readonly line: number; readonly kind: string; readonly fenced: boolean; lines: string[] } | undefined
  const close = () => {
    if (open) blocks.push({ page, line: open.line, kind: open.kind, text: `${open.lines.join('\n').trimEnd()}\n` })
    open = undefined
  }
  let before = ''
  for (const [index, line] of textOf(page).split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line)
    if (open?.fenced) {
      if (fence) close()
      else open.lines.push(line)
    } else if (fence) {
      close()
      open = { line: index + 2, kind: (fence[1] as string).trim(), fenced: true, lines: [] }
    } else if (line.startsWith('    ') && (open || before === '')) {
      open ??= { line: index + 1, kind: '', fenced: false, lines: [] }
      open.lines.push(line.slice(4))
    } else if (open && line === '') {
      open.lines.push('')
    } else {
      close()
    }
    before = line
  }
  close()
  return blocks
}

/** What a block is called where it needs a name: its first line. */
export const titleOf = ({ text }: Block): string => text.slice(0, text.indexOf('\n'))
