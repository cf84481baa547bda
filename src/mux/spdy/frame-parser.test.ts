import assert from 'node:assert/strict'
import { test } from 'node:test'
import { words } from '../testing/spdy-client.ts'
import { FrameParser } from './frame-parser.ts'
import { FrameWriter } from './frame-writer.ts'
import type { ControlFrame } from './frames.ts'

function parse(bytes: Buffer, step = bytes.length): { frames: ControlFrame[]; data: [number, string, boolean][] } {
  const frames: ControlFrame[] = []
  const data: [number, string, boolean][] = []
  const parser = new FrameParser({
    control: (frame) => frames.push(frame),
    data: (id, piece, fin) => data.push([id, piece.toString(), fin]),
  })
  for (let at = 0; at < bytes.length; at += step) parser.push(bytes.subarray(at, at + step))
  return { frames, data }
}

function control(type: number, body: Buffer, version = 3): Buffer {
  return Buffer.concat([words((0x80000000 | (version << 16) | type) >>> 0, body.length), body])
}

const writer = new FrameWriter()
const sample = Buffer.concat([
  writer.synReply(1, new Map([['a', 'b']])),
  writer.dataHead(1, 5, false),
  Buffer.from('hello'),
  writer.ping(7),
  control(99, Buffer.alloc(40, 1)),
  control(98, Buffer.alloc(0)),
  writer.rstStream(3, 5),
  writer.windowUpdate(0, 1000),
  control(4, words(1, 0x01000007, 4096)),
  writer.dataHead(5, 0, true),
  writer.goaway(5, 0),
])

test('frames are read whatever the pieces in which they come; those of unknown kinds are passed over', () => {
  for (const step of [sample.length, 1, 3, 7, 64]) {
    const { frames, data } = parse(sample, step)
    assert.deepEqual(frames, [
      { type: 'syn-reply', streamId: 1, headers: new Map([['a', 'b']]), fin: false },
      { type: 'ping', id: 7 },
      { type: 'rst-stream', streamId: 3, status: 5 },
      { type: 'window-update', streamId: 0, delta: 1000 },
      { type: 'settings', values: [{ id: 7, value: 4096 }] },
      { type: 'goaway', lastStreamId: 5, status: 0 },
    ])
    assert.equal(
      data
        .filter(([id]) => id === 1)
        .map(([, text]) => text)
        .join(''),
      'hello',
    )
    assert.deepEqual(data.at(-1), [5, '', true])
  }
})

test('the end of a stream comes with the last piece of its last frame', () => {
  const frame = Buffer.concat([writer.dataHead(1, 3, true), Buffer.from('abc')])
  assert.deepEqual(parse(frame, 10).data, [
    [1, 'ab', false],
    [1, 'c', true],
  ])
})

test('frames that lie about themselves are refused', () => {
  const bad: [string, Buffer][] = [
    ['another version', control(6, words(1), 2)],
    ['a short SYN_STREAM', control(1, words(1, 0))],
    ['a short RST_STREAM', control(3, words(1))],
    ['a long RST_STREAM', control(3, words(1, 5, 6))],
    ['an empty PING', control(6, Buffer.alloc(0))],
    ['a long PING', control(6, words(1, 2))],
    ['SPDY/2 GOAWAY', control(7, words(1))],
    ['a long WINDOW_UPDATE', control(9, words(1, 2, 3))],
    ['SETTINGS with fewer values than it says', control(4, words(9, 7, 4096))],
    ['SETTINGS with a count that overflows', control(4, words(0xffffffff, 7, 4096))],
    ['a control frame of 16 MB', Buffer.concat([words(0x80030001, 0x00ffffff)])],
  ]
  for (const [what, bytes] of bad) assert.throws(() => parse(bytes), { code: 'invalid-argument' }, what)
})
