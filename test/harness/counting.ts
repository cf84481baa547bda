import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * A shell script that prints every number on both streams as fast as it can, in lines of one byte to 20 KB, some in two pieces,
 * until the file `stop` is there; then one more on stdout without a newline. Its exit code is 3.
 */
export function printNumbers(stop: string): string {
  return `
  middle=$(head -c 300 /dev/zero | tr '\\0' m)
  long=$(head -c 20000 /dev/zero | tr '\\0' l)
  i=0
  while [ ! -e ${stop} ]; do
    case $((i % 97)) in
      0) echo "$i $long";;
      [1-9]) echo "$i $middle";;
      1?) printf %s "$i "; echo piece;;
      *) echo $i;;
    esac
    echo "$i $middle" >&2
    i=$((i+1))
  done
  printf %s "$i"
  exit 3`
}

/** Checks that the log, with the files that it was renamed to, has all that was printed, in order; answers how many lines. */
export function assertCounted(logPath: string): number {
  const [stdout, stderr] = [numbersIn(logPath, 'stdout'), numbersIn(logPath, 'stderr')]
  const numbers = (end: number) => Array.from({ length: end }, (_, n) => n)
  assert.ok(stderr.length > 100, `only ${stderr.length} lines`)
  assert.equal(firstDifference(stderr, numbers(stderr.length)), undefined, `stderr in ${logPath}`)
  // The last number is on stdout alone.
  assert.equal(firstDifference(stdout, numbers(stderr.length + 1)), undefined, `stdout in ${logPath}`)
  return stdout.length + stderr.length
}

/** The numbers that begin the lines of one stream, the oldest first. */
function numbersIn(logPath: string, stream: string): number[] {
  const name = basename(logPath)
  const renamed = readdirSync(dirname(logPath)).filter((other) => other.startsWith(`${name}.`))
  const numbers: number[] = []
  let isContinued = false
  for (const file of [...renamed.toSorted(), name]) {
    for (const line of readFileSync(join(dirname(logPath), file), 'utf8').split('\n')) {
      if (line.slice(31, 37) !== stream) continue
      if (!isContinued) numbers.push(Number.parseInt(line.slice(40), 10))
      isContinued = line[38] === 'P'
    }
  }
  return numbers
}

/** Where two lists begin to differ, with what is there. */
function firstDifference(found: readonly number[], expected: readonly number[]): string | undefined {
  const length = Math.max(found.length, expected.length)
  for (let n = 0; n < length; n++) {
    if (found[n] === expected[n]) continue
    return `at ${n}: ${found.slice(n, n + 5).join(' ')} in place of ${expected.slice(n, n + 5).join(' ')}`
  }
  return undefined
}
