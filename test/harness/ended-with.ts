import assert from 'node:assert/strict'
import { release } from 'node:os'

/** Before Linux 6.15 nobody can tell how a process ended whose parent is gone. */
const [major = 0, minor = 0] = release().split('.').map(Number)
const kernelTells = major > 6 || (major === 6 && minor >= 15)

export function assertEndedWith(code: number, status: { readonly exitCode: number; readonly reason: string }): void {
  const isHonest = !kernelTells && status.exitCode === 255 && status.reason === 'Unknown'
  assert.ok(isHonest || status.exitCode === code, `${status.exitCode} ${status.reason}`)
}
