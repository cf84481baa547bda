import assert from 'node:assert/strict'
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLogger } from '../lib/log.ts'
import { makeFifo, openFifoForContainer } from '../linux/fifo.ts'
import { ContainerLog } from './container-log.ts'
import { headBytes, type LogStream } from './cri-log.ts'
import { PipeSource } from './output-source.ts'

const streams = ['stdout', 'stderr'] as const

/** A bundle with the pipes of a container, into which the test writes, and its log. */
function container(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-log-'))
  const fds: number[] = []
  const pipes = {} as Record<LogStream, number>
  const sources = {} as Record<LogStream, PipeSource>
  for (const stream of streams) {
    makeFifo(join(folder, stream))
    pipes[stream] = openFifoForContainer(join(folder, stream))
    sources[stream] = new PipeSource(join(folder, stream))
    fds.push(pipes[stream])
  }
  t.after(() => {
    fds.forEach(closeSync)
    for (const stream of streams) sources[stream][Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })
  const path = join(folder, 'logs', 'c.log')
  return {
    folder,
    path,
    /** What a shim begins with. One that is not finished is left as by a kill. */
    log: (resume = false) => new ContainerLog({ bundle: folder, path, resume, log: silentLogger }),
    print: (stream: LogStream, text: string) => assert.equal(writeSync(pipes[stream], text), text.length),
    take: (log: ContainerLog, stream: LogStream) => log.take(stream, sources[stream], 1024 * 1024),
    /** All that the logs say, the oldest first. */
    logged(stream: LogStream): string {
      const names = readdirSync(join(folder, 'logs')).filter((name) => name !== 'c.log')
      const lines = [...names.toSorted(), 'c.log'].flatMap((name) =>
        readFileSync(join(folder, 'logs', name), 'utf8').split('\n'),
      )
      const mine = lines.filter((line) => line.slice(31, 37) === stream)
      return mine.map((line) => line.slice(headBytes) + (line[headBytes - 2] === 'F' ? '\n' : '')).join('')
    },
  }
}

test('killed before the lines are written: they are written by the next', (t) => {
  const { log, print, take, logged } = container(t)
  const first = log()
  print('stdout', 'one\ntwo')
  assert.equal(take(first, 'stdout'), 7)
  const second = log(true)
  print('stdout', ' three\n')
  take(second, 'stdout')
  second.write('stdout')
  second.finish()
  assert.equal(logged('stdout'), 'one\ntwo three\n')
})

test('killed after the lines were written: they are not written again', (t) => {
  const { log, print, take, logged } = container(t)
  const first = log()
  for (const stream of streams) {
    print(stream, 'one\none\none\ntwo')
    take(first, stream)
    first.write(stream)
  }
  const second = log(true)
  second.write('stdout')
  second.write('stderr')
  second.finish()
  for (const stream of streams) assert.equal(logged(stream), 'one\none\none\ntwo\n')
})

test('killed in the middle of a line: it is written anew', (t) => {
  const { path, log, print, take, logged } = container(t)
  const first = log()
  print('stdout', 'one\ntwo\n')
  take(first, 'stdout')
  first.write('stdout')
  truncateSync(path, statSync(path).size - 2)
  log(true).finish()
  assert.equal(logged('stdout'), 'one\ntwo\n')
})

test('killed after the last lines: they are not written again', (t) => {
  const { folder, log, print, take, logged } = container(t)
  const first = log()
  print('stdout', 'one\nthe end')
  take(first, 'stdout')
  first.write('stdout', true)
  log(true).finish()
  assert.equal(logged('stdout'), 'one\nthe end\n')
  assert.deepEqual(readdirSync(folder).toSorted(), ['logs', 'stderr', 'stdout'])
})

test('what somebody else wrote into the log is left there', (t) => {
  const { path, log, print, take, logged } = container(t)
  const first = log()
  print('stdout', 'one\n')
  take(first, 'stdout')
  first.write('stdout')
  appendFileSync(path, 'a foreign line\n')
  const second = log(true)
  print('stdout', 'two\n')
  take(second, 'stdout')
  second.finish()
  assert.equal(logged('stdout'), 'one\ntwo\n')
  assert.match(readFileSync(path, 'utf8'), /^a foreign line$/m)
})

test('a note that cannot be read counts as none', (t) => {
  const { folder, log, print, take, logged } = container(t)
  const first = log()
  print('stdout', 'one\n')
  take(first, 'stdout')
  first.write('stdout')
  writeFileSync(join(folder, 'logged'), 'rubbish')
  const second = log(true)
  print('stdout', 'two\n')
  take(second, 'stdout')
  second.finish()
  assert.equal(logged('stdout'), 'one\ntwo\n')
})

test('the kubelet renames the log while nobody is there, and asks for a new one later', (t) => {
  const { path, log, print, take, logged } = container(t)
  const first = log()
  print('stdout', 'one\ntwo\n')
  take(first, 'stdout')
  first.write('stdout')
  renameSync(path, `${path}.1`)
  const second = log(true)
  print('stdout', 'three\n')
  take(second, 'stdout')
  second.write('stdout')
  assert.equal(existsSync(path), false)
  second.reopen()
  print('stdout', 'four\n')
  take(second, 'stdout')
  second.finish()
  assert.equal(logged('stdout'), 'one\ntwo\nthree\nfour\n')
  assert.match(readFileSync(path, 'utf8'), /F four\n$/)
})

test('no memory is kept for what is in the log', (t) => {
  const { folder, log, print, take } = container(t)
  const it = log()
  for (let n = 0; n < 64; n++) {
    print('stdout', 'x'.repeat(999).concat('\n').repeat(60).concat('rest'))
    take(it, 'stdout')
    it.write('stdout')
  }
  const { blocks } = statSync(join(folder, 'stdout.staged'))
  assert.ok(blocks * 512 < 512 * 1024, String(blocks))
  it.finish()
})

test('a log that cannot be written keeps what fits, and goes on when it can', { timeout: 20_000 }, async (t) => {
  const { path, log, print, take, logged } = container(t)
  const it = log()
  rmSync(path)
  const logs = join(path, '..')
  rmSync(logs, { recursive: true })
  // Neither a folder nor a file can be made there.
  writeFileSync(logs, '')
  print('stdout', 'one\n')
  take(it, 'stdout')
  it.write('stdout')
  rmSync(logs)
  print('stdout', 'two\n')
  take(it, 'stdout')
  it.write('stdout')
  it.finish()
  assert.equal(logged('stdout'), 'one\ntwo\n')
})

/** A random number below `n`, the same in every run. */
function randomNumbers(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

test('killed and renamed again and again, at any moment: every byte once', (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const { path, log, print, take, logged } = container(t)
    const random = randomNumbers(seed)
    const printed = { stdout: '', stderr: '' }
    let it = log()
    let rotations = 0
    let lines = 0
    for (let step = 0; step < 120; step++) {
      const stream = streams[random(2)] ?? 'stdout'
      if (random(10) < 8) {
        const text = `${lines++} ${'xyz'[random(3)]?.repeat(random(4) === 0 ? random(40_000) : random(40))}`
        const end = random(8) === 0 ? '' : '\n'
        print(stream, text + end)
        printed[stream] += text + end
        take(it, stream)
      }
      if (random(4) > 0) it.write(stream)
      if (random(12) === 0) {
        renameSync(path, `${path}.${String(++rotations).padStart(4, '0')}`)
        // The shim may die before it is asked for a new one; the kubelet then asks again.
        if (random(3) === 0) it = log(true)
        it.reopen()
      }
      if (random(6) === 0) it = log(true)
    }
    it.finish()
    for (const stream of streams) {
      const text = printed[stream]
      assert.ok(logged(stream) === (text === '' || text.endsWith('\n') ? text : `${text}\n`), `seed ${seed}, ${stream}`)
    }
  }
})
