/**
 * `npm run bench`: compares CRI runtimes on this machine. docs/performance.md explains the method.
 *
 *     cases/      what is measured, one case a file
 *     workload/   the pods that the cases make, and the checks that they really ran
 *     machine/    CPU, memory and processes, read from /proc
 *     run/        endpoints, turns, measurements
 *     report/     JSON, Markdown, charts, the targets
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allCases } from './cases/all.ts'
import { describeMachine } from './machine/describe.ts'
import { type Options, parseOptions, usage } from './options.ts'
import type { Results } from './report/results.ts'
import { markdownOf } from './report/markdown.ts'
import { writeResults } from './report/write.ts'
import type { Bench, Case } from './run/bench.ts'
import { type Endpoint, openEndpoint } from './run/endpoint.ts'
import { Measurements } from './run/measurements.ts'
import { CliUsageError } from './usage-error.ts'
import { removeLeftovers } from './workload/pod.ts'

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof CliUsageError)) throw error
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exitCode = 2
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(usage)
    return 0
  }
  const options = parseOptions(args)
  const cases = chosenCases(options)
  const folder = mkdtempSync(join(tmpdir(), 'cri-bench-'))
  const endpoints: Endpoint[] = []
  try {
    for (const one of options.endpoints) endpoints.push(await openEndpoint(one, options.image))
    const results = await runAll(options, cases, endpoints, folder)
    process.stdout.write(`${markdownOf(results)}\nWritten to ${writeResults(results, options.output)}\n`)
    return results.failures.length === 0 ? 0 : 1
  } finally {
    for (const { cri } of endpoints) cri.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function chosenCases({ only }: Options): Case[] {
  const stranger = only?.find((name) => !allCases.some((one) => one.name === name))
  if (stranger !== undefined)
    throw new CliUsageError(`--only: no case ${stranger}; there are ${allCases.map(({ name }) => name).join(', ')}`)
  return allCases.filter(({ name }) => only?.includes(name) ?? true)
}

async function runAll(
  options: Options,
  cases: readonly Case[],
  endpoints: readonly Endpoint[],
  folder: string,
): Promise<Results> {
  const startedAt = new Date().toISOString()
  const start = performance.now()
  const machine = describeMachine()
  const measurements = new Measurements()
  const notes: string[] = []
  const failures: string[] = []
  const progress = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`)
  for (const one of cases) {
    const note = (text: string) => notes.push(`${one.name}: ${text}`)
    const lacks = one.lacks?.(options)
    if (lacks !== undefined) {
      note(`not measured: ${lacks}`)
      continue
    }
    const bench: Bench = { options, endpoints, measurements, folder, progress, note }
    try {
      await sweep(endpoints)
      await one.run(bench)
    } catch (error) {
      failures.push(`${one.name}: ${error instanceof Error ? error.message : String(error)}`)
      progress(`${one.name} failed: ${error instanceof Error ? error.stack : String(error)}`)
      await sweep(endpoints)
    }
  }
  return {
    startedAt,
    seconds: (performance.now() - start) / 1000,
    machine,
    endpoints: endpoints.map(({ name, runtimeName, runtimeVersion }) => ({ name, runtimeName, runtimeVersion })),
    image: options.image,
    rounds: options.rounds,
    measurements: measurements.all(),
    notes,
    failures,
  }
}

/** No pod of an earlier case, or of a run that broke, is there. */
async function sweep(endpoints: readonly Endpoint[]): Promise<void> {
  await Promise.all(endpoints.map(removeLeftovers))
}
