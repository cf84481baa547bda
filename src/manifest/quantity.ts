import { invalidArgument } from '../lib/errors.ts'

const exponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
}
const binary: Readonly<Record<string, bigint>> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
}

/** A Kubernetes quantity (`500m`, `1.5`, `64Mi`, `1e3`) in whole units, rounded up. */
export const parseUnits = (text: string, path: string) => parseScaled(text, path, 0)

/** A Kubernetes quantity in thousandths, rounded up: 1500 for `1.5`. */
export const parseMilli = (text: string, path: string) => parseScaled(text, path, 3)

/** The quantity times 10^scale, rounded up; exact, as all is in whole numbers. */
function parseScaled(text: string, path: string, scale: number): bigint {
  const parts = /^(\d+)(?:\.(\d*))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/.exec(text)
  if (!parts) throw invalidArgument(`${path}: "${text}" is not a quantity such as 100m, 1.5, 64Mi or 2G`)
  const [, whole = '', fraction = '', suffix = '', exponent = '0'] = parts
  const factor = binary[suffix] ?? 1n
  const power = (exponents[suffix] ?? 0) + Number(exponent) + scale - fraction.length
  const digits = BigInt(whole + fraction) * factor
  if (power >= 0) return digits * 10n ** BigInt(power)
  const divisor = 10n ** BigInt(-power)
  return (digits + divisor - 1n) / divisor
}
