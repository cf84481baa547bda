import { parseArgs } from 'node:util'
import { CliUsageError } from './usage-error.ts'

export interface EndpointOptions {
  readonly name: string
  /** The path of its CRI socket. */
  readonly socket: string
  /** The shell command that starts the daemon, for the case `start`; the daemon stays in the foreground of it. */
  readonly start?: string
  /**
   * The cgroup that holds all of the runtime: itself, in `daemon` below it, and the pods, which are made in `pods` below it.
   * CPU is then also counted there.
   */
  readonly cgroup?: string
  /** What the command lines of the runtime's processes have in them. Default: the folder of the socket. */
  readonly mark?: string
}

export interface Options {
  /** The first is what the others are compared with. */
  readonly endpoints: readonly EndpointOptions[]
  /** An image with /bin/sh, seq and sleep. */
  readonly image: string
  /** The images that the case `pull` pulls; it also removes them. */
  readonly pullImages: readonly string[]
  /** How often each endpoint has its turn, in cases that are quick. */
  readonly rounds: number
  /** The cases to run; all when absent. */
  readonly only?: readonly string[]
  /** How many pods are present in the case `held`, ascending. */
  readonly levels: readonly number[]
  /** How long CPU is watched in the case `held`. */
  readonly seconds: number
  /** How much goes through in a turn of the case `streams`, in MB. */
  readonly streamMegabytes: number
  /** Where the results are written. */
  readonly output: string
}

export const usage = `npm run bench -- --endpoint NAME=unix:///path [--endpoint NAME=unix:///path …] [options]

Compares CRI runtimes on this machine, in turns. It makes and removes pods named cri-bench-*. Needs root.

  --endpoint NAME=unix:///PATH   a runtime; the first is compared with each of the others
  --only CASE[,CASE…]            these cases alone
  --rounds N                     turns of each runtime (default 20)
  --image REF                    an image with a shell (default docker.io/library/busybox:latest); pulled when absent
  --pull-image REF               an image for the case pull, which also removes it; may be given again; {round} in it
                                 is the number of the turn, from 1 to at most 7
  --start NAME=COMMAND           how to start the daemon, for the case start; it must stay in the foreground
  --mark NAME=TEXT               what the command lines of the runtime's processes have in them
                                 (default: the folder of the socket), to find its monitors
  --cgroup NAME=/PATH            a cgroup with the daemon in PATH/daemon; its pods are made in PATH/pods, and the CPU of
                                 all that is counted apart from the rest of the machine (driver cgroupfs)
  --levels N,N,…                 pods present in the case held (default 1,10,50,100,200,400,500)
  --seconds N                    how long CPU is watched at each level (default 10)
  --stream-megabytes N           what goes through in a turn of the case streams (default 1000)
  --output FOLDER                where the results go (default bench/results)
`

/** @throws {CliUsageError} with words for whoever typed it */
export function parseOptions(args: readonly string[]): Options {
  const values = parse(args)
  const pairs = (flag: 'endpoint' | 'start' | 'mark' | 'cgroup') => values[flag].map((text) => pairOf(flag, text))
  const starts = new Map(pairs('start'))
  const marks = new Map(pairs('mark'))
  const cgroups = new Map(pairs('cgroup'))
  const endpoints = pairs('endpoint').map(([name, uri]): EndpointOptions => {
    const socket = /^unix:\/\/(\/.+)$/.exec(uri)?.[1]
    if (socket === undefined) throw new CliUsageError(`--endpoint ${name}=${uri}: give a socket as unix:///path`)
    return {
      name,
      socket,
      ...optional('start', starts.get(name)),
      ...optional('mark', marks.get(name)),
      ...optional('cgroup', cgroups.get(name)),
    }
  })
  if (endpoints.length === 0) throw new CliUsageError('give at least one --endpoint NAME=unix:///path')
  const names = new Set(endpoints.map(({ name }) => name))
  if (names.size < endpoints.length) throw new CliUsageError('two endpoints have the same name')
  const stranger = [...starts.keys(), ...marks.keys(), ...cgroups.keys()].find((name) => !names.has(name))
  if (stranger !== undefined) throw new CliUsageError(`--start, --mark and --cgroup: no endpoint is named ${stranger}`)
  return {
    endpoints,
    image: values.image,
    pullImages: values['pull-image'],
    rounds: positive('rounds', values.rounds),
    ...optional('only', values.only?.split(',')),
    levels: values.levels
      .split(',')
      .map((level) => positive('levels', level))
      .sort((a, b) => a - b),
    seconds: positive('seconds', values.seconds),
    streamMegabytes: positive('stream-megabytes', values['stream-megabytes']),
    output: values.output,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        endpoint: { type: 'string', multiple: true, default: [] },
        start: { type: 'string', multiple: true, default: [] },
        mark: { type: 'string', multiple: true, default: [] },
        cgroup: { type: 'string', multiple: true, default: [] },
        'pull-image': { type: 'string', multiple: true, default: [] },
        image: { type: 'string', default: 'docker.io/library/busybox:latest' },
        rounds: { type: 'string', default: '20' },
        only: { type: 'string' },
        levels: { type: 'string', default: '1,10,50,100,200,400,500' },
        seconds: { type: 'string', default: '10' },
        'stream-megabytes': { type: 'string', default: '1000' },
        output: { type: 'string', default: 'bench/results' },
      },
    }).values
  } catch (error) {
    throw new CliUsageError((error as Error).message)
  }
}

function pairOf(flag: string, text: string): [name: string, value: string] {
  const [, name, value] = /^([\w.-]+)=(.+)$/s.exec(text) ?? []
  if (name === undefined || value === undefined) throw new CliUsageError(`--${flag} ${text}: give it as NAME=…`)
  return [name, value]
}

function positive(flag: string, text: string): number {
  if (!/^[1-9][0-9]*$/.test(text)) throw new CliUsageError(`--${flag}: "${text}" is not a number above 0`)
  return Number(text)
}

const optional = <K extends string, V>(key: K, value: V | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { readonly [key in K]?: V }
