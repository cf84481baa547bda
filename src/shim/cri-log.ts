/**
 * The CRI log format: `RFC3339Nano SP stdout|stderr SP P|F SP text LF`, one line of output a line; output lines longer than
 * {@link maxLineBytes} are cut into parts, all but the last tagged P (kubelet-contract F8; the size is containerd's default).
 */
export type LogStream = 'stdout' | 'stderr'

/** The longest text of one log line, in bytes. */
export const maxLineBytes = 16 * 1024

const newline = 0x0a

/**
 * Turns the output of one stream into log lines. It keeps what has no newline yet, at most {@link maxLineBytes}; the chunks
 * given to `add` are not kept and may be reused by the caller.
 */
export class LogFormatter {
  readonly #stream: LogStream
  readonly #pending = Buffer.allocUnsafe(maxLineBytes)
  #pendingBytes = 0

  constructor(stream: LogStream) {
    this.#stream = stream
  }

  /** The log lines that `chunk` completes, as one buffer that holds whole lines only; empty when there is none. */
  add(chunk: Uint8Array, timestamp: string): Buffer {
    const full = Buffer.from(`${timestamp} ${this.#stream} F `)
    const partial = Buffer.from(`${timestamp} ${this.#stream} P `)
    const parts: Uint8Array[] = []
    let from = 0
    while (from < chunk.length) {
      const end = chunk.indexOf(newline, from)
      const room = maxLineBytes - this.#pendingBytes
      const length = (end === -1 ? chunk.length : end) - from
      if (length > room) {
        this.#emit(parts, partial, chunk.subarray(from, from + room))
        from += room
      } else if (end !== -1) {
        this.#emit(parts, full, chunk.subarray(from, end))
        from = end + 1
      } else {
        this.#pending.set(chunk.subarray(from), this.#pendingBytes)
        this.#pendingBytes += length
        from = chunk.length
      }
    }
    return Buffer.concat(parts)
  }

  /** The rest at the end of the stream, as a full line, as containerd and conmon end it; empty when there is none. */
  end(timestamp: string): Buffer {
    if (this.#pendingBytes === 0) return Buffer.alloc(0)
    const parts: Uint8Array[] = []
    this.#emit(parts, Buffer.from(`${timestamp} ${this.#stream} F `), new Uint8Array(0))
    return Buffer.concat(parts)
  }

  #emit(parts: Uint8Array[], head: Buffer, text: Uint8Array): void {
    // The pending bytes are copied: the buffer is used again before the parts are joined.
    parts.push(head, Buffer.from(this.#pending.subarray(0, this.#pendingBytes)), text, lineEnd)
    this.#pendingBytes = 0
  }
}

const lineEnd = Buffer.from('\n')

/** RFC 3339 with nine digits of fraction, in UTC, of nanoseconds since the epoch. */
export function formatTimestamp(nanoseconds: bigint): string {
  const seconds = new Date(Number(nanoseconds / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(nanoseconds % 1_000_000_000n).padStart(9, '0')}Z`
}
