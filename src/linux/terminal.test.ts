import assert from 'node:assert/strict'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { check, libc } from './libc.ts'
import { setNonBlocking } from './pipe.ts'
import { Terminal } from './terminal.ts'

const TIOCSPTLCK = 0x40045431
const TIOCGPTN = 0x80045430

/** A pty: the master, which does not block, and the terminal's own side. */
function openPty(): { readonly master: number; readonly slave: number } {
  const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY)
  check(libc.ioctl(master, TIOCSPTLCK, Buffer.alloc(4)), 'ioctl')
  const number = Buffer.alloc(4)
  check(libc.ioctl(master, TIOCGPTN, number), 'ioctl')
  setNonBlocking(master)
  const slave = openSync(`/dev/pts/${number.readInt32LE(0)}`, constants.O_RDWR | constants.O_NOCTTY)
  return { master, slave }
}

test('all that a terminal showed is read, also after it has hung up', async () => {
  const { master, slave } = openPty()
  const terminal = new Terminal(master, { read: true })
  writeSync(slave, 'last words\n')
  closeSync(slave)
  let text = ''
  for await (const chunk of terminal.output ?? []) text += chunk
  assert.equal(text, 'last words\r\n')
  terminal.close()
})

test('what is typed after the hang-up goes into no other file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-terminal-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const { master, slave } = openPty()
  const terminal = new Terminal(master, { read: true })
  // Nobody takes the output, so its end is not seen.
  writeSync(slave, 'last words\n')
  await delay(100)
  closeSync(slave)
  await delay(100)
  const victims = Array.from({ length: 8 }, (_, n) => openSync(join(folder, String(n)), 'w+'))
  terminal.input.write('secret')
  terminal.resize({ width: 80, height: 24 })
  terminal.close()
  terminal.close()
  terminal.input.write('more')
  await delay(50)
  for (const [n, fd] of victims.entries()) {
    closeSync(fd)
    assert.equal(readFileSync(join(folder, String(n)), 'utf8'), '')
  }
})
