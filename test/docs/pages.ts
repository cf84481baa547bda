import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '../harness/berthd.ts'

/** A fenced block of shell. */
export interface Block {
  readonly page: string
  /** The line of its first command, from 1. */
  readonly line: number
  readonly text: string
  /** It begins with "```sh run": a test runs it. */
  readonly runnable: boolean
}

/** The pages for people, from the repository's folder on. */
export const pages = (): readonly string[] => [
  'README.md',
  ...readdirSync(join(repository, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]

export const textOf = (page: string): string => readFileSync(join(repository, page), 'utf8')

/** The blocks of shell of a page, in order. */
export function blocksOf(page: string): readonly Block[] {
  const text = textOf(page)
  return [...text.matchAll(/^```sh( run)?\n([\s\S]*?)^```$/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length + 1,
    text: match[2] as string,
    runnable: match[1] !== undefined,
  }))
}
