import { constants } from 'node:os'
import koffi from 'koffi'
import { addressOf, check, errnoError, libc } from './libc.ts'

/** Messages that carry descriptors over a unix socket (unix(7), SCM_RIGHTS); the layouts are those of 64-bit Linux. */
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_PEEK = 0x02
const MSG_DONTWAIT = 0x40
const MSG_CMSG_CLOEXEC = 0x40000000

/** A control message with one descriptor: its header in 16 bytes, the number in 4, and padding. */
const controlBytes = 24
const rightsBytes = 20
/** The longest text of a message, in bytes. */
const maxText = 4096

export interface DescriptorMessage {
  readonly text: string
  /** Undefined when the message carries none. */
  readonly fd: number | undefined
}

/**
 * Takes the first message, or with `peek` looks at it, which leaves it there with its descriptor: `fd` is one of our own in
 * either case. Undefined when there is none; throws other errors of recvmsg(2).
 */
export function receiveDescriptor(socket: number, { peek = false } = {}): DescriptorMessage | undefined {
  const data = Buffer.alloc(maxText)
  const control = Buffer.alloc(controlBytes)
  const flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (peek ? MSG_PEEK : 0)
  const bytes = receive(socket, data, control, flags)
  if (bytes === undefined) return undefined
  const carries = control.readInt32LE(8) === SOL_SOCKET && control.readInt32LE(12) === SCM_RIGHTS
  return { text: data.toString('utf8', 0, bytes), fd: carries ? control.readInt32LE(16) : undefined }
}

/** Throws the first message away, with its descriptor. Answers whether there was one. */
export function discardMessage(socket: number): boolean {
  return receive(socket, Buffer.alloc(1), Buffer.alloc(0), MSG_DONTWAIT) !== undefined
}

function receive(socket: number, data: Buffer, control: Buffer, flags: number): number | undefined {
  const result: number | bigint = libc.recvmsg(socket, header(data, control), flags)
  if (Number(result) !== -1) return Number(result)
  const errno = koffi.errno()
  if (errno === constants.errno.EAGAIN) return undefined
  throw errnoError('recvmsg', errno)
}

/** Sends a message with a descriptor, without waiting; throws EAGAIN when the other end has no room for it. */
export function sendDescriptor(socket: number, text: string, fd: number): void {
  const control = Buffer.alloc(controlBytes)
  control.writeBigUInt64LE(BigInt(rightsBytes), 0)
  control.writeInt32LE(SOL_SOCKET, 8)
  control.writeInt32LE(SCM_RIGHTS, 12)
  control.writeInt32LE(fd, 16)
  check(libc.sendmsg(socket, header(Buffer.from(text), control), MSG_DONTWAIT), 'sendmsg')
}

/** What a header points at; it must live as long as the header is used. */
const parts = new WeakMap<Buffer, readonly Buffer[]>()

/** `struct msghdr` for one piece of data. */
function header(data: Buffer, control: Buffer): Buffer {
  const iovec = Buffer.alloc(16)
  iovec.writeBigUInt64LE(addressOf(data), 0)
  iovec.writeBigUInt64LE(BigInt(data.length), 8)
  const message = Buffer.alloc(56)
  message.writeBigUInt64LE(addressOf(iovec), 16)
  message.writeBigUInt64LE(1n, 24)
  if (control.length > 0) message.writeBigUInt64LE(addressOf(control), 32)
  message.writeBigUInt64LE(BigInt(control.length), 40)
  parts.set(message, [data, control, iovec])
  return message
}
