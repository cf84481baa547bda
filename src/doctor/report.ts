import type { Diagnosis } from './diagnosis.ts'

/** Puts colour on a word by what it means. */
export type Emphasis = (status: Diagnosis['status'], word: string) => string

const words = { ok: 'OK', warning: 'WARNING', broken: 'BROKEN' } as const

/** The width of the column of the status. */
const statusWidth = 9

/** Diagnoses as a person reads them. */
export function reportOf(diagnoses: readonly Diagnosis[], emphasis: Emphasis = (_, word) => word): string {
  const checkWidth = Math.max(...diagnoses.map(({ check }) => check.length)) + 2
  const line = (first: string, second: string, text: string) => `${first}${second.padEnd(checkWidth)}${text}\n`
  const blank = ' '.repeat(statusWidth)
  return diagnoses
    .map(({ check, status, found, why, mend }) => {
      const first = emphasis(status, words[status].padEnd(statusWidth))
      const more = [...(why ? [line(blank, '  why', why)] : []), ...(mend ? [line(blank, '  mend', mend)] : [])]
      return line(first, check, found) + more.join('')
    })
    .join('')
}

/** `19 OK, 2 warnings, 1 broken` */
export function summaryOf(diagnoses: readonly Diagnosis[]): string {
  const count = (status: Diagnosis['status']) => diagnoses.filter((diagnosis) => diagnosis.status === status).length
  const warnings = count('warning')
  return `${count('ok')} OK, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}, ${count('broken')} broken`
}
