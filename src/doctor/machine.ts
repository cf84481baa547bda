import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What came of a program. */
export interface ProgramResult {
  /** 255 when it was killed, or took too long. */
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** What an address answered. */
export interface HttpAnswer {
  readonly status: number
  /** Of its clock, milliseconds since the epoch; undefined when it does not tell. */
  readonly date?: number
}

/** A file system, as statfs(2) tells it. */
export interface FileSystem {
  /** `f_type` */
  readonly type: number
  readonly freeBytes: number
  readonly totalBytes: number
  readonly freeInodes: number
  /** 0 for file systems that have no fixed number. */
  readonly totalInodes: number
}

/** The node, as far as the checks look at it and mend it. Tests have one in a folder. */
export interface Machine {
  /** Of the kernel: `6.1.0-18-amd64`. */
  readonly release: string
  readonly isRoot: boolean
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Undefined when it is not there, or cannot be read. */
  read(path: string): string | undefined
  list(path: string): readonly string[]
  exists(path: string): boolean
  isExecutable(path: string): boolean
  /** The path of a program on PATH. */
  find(program: string): string | undefined
  /** Undefined when there is none at this path. */
  fileSystem(path: string): FileSystem | undefined
  /** Runs a program for five seconds at most. */
  run(file: string, ...args: string[]): Promise<ProgramResult>
  /** GET; throws when nobody answers in five seconds. */
  ask(url: string): Promise<HttpAnswer>
  write(path: string, text: string): void
}

const patienceMs = 5000

const programFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  return {
    release: read('/proc/sys/kernel/osrelease')?.trim() ?? '',
    isRoot: process.getuid?.() === 0,
    now: Date.now(),
    read,
    list,
    exists: existsSync,
    isExecutable,
    find: (program) => {
      const folders = (process.env.PATH ?? '').split(':').concat(programFolders)
      return folders.map((folder) => join(folder, program)).find(isExecutable)
    },
    fileSystem,
    run,
    ask,
    write: writeFileSync,
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch {
    return []
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function fileSystem(path: string): FileSystem | undefined {
  try {
    const { type, bsize, bavail, blocks, ffree, files } = statfsSync(path)
    return { type, freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: ffree, totalInodes: files }
  } catch {
    return undefined
  }
}

function run(file: string, ...args: string[]): Promise<ProgramResult> {
  const { promise, resolve } = Promise.withResolvers<ProgramResult>()
  execFile(file, args, { timeout: patienceMs, maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
    const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 255
    resolve({ exitCode, stdout, stderr })
  })
  return promise
}

async function ask(url: string): Promise<HttpAnswer> {
  const { status, headers } = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(patienceMs) })
  const date = Date.parse(headers.get('date') ?? '')
  return { status, ...(Number.isNaN(date) ? {} : { date }) }
}
