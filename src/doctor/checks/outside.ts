import type { Config } from '../../config/config.ts'
import { messageOf } from '../../lib/errors.ts'
import { broken, type Diagnosis, ok, warning } from '../diagnosis.ts'
import type { HttpAnswer, Machine } from '../machine.ts'
import { registryAddresses } from './registry-addresses.ts'

/** Programs that set the clock. */
const timekeepers = ['systemd-timesyn', 'chronyd', 'ntpd', 'ntpsec', 'openntpd']

/** This check was written after it: a clock before it is wrong. */
const past = Date.UTC(2026, 0, 1)

const maxSkewMs = 5 * 60_000

/** The registry and the clock: the answer of the one tells of the other. `registry` undefined: do not ask. */
export async function checkOutside(
  machine: Machine,
  config: Config,
  registry: string | undefined,
): Promise<Diagnosis[]> {
  if (registry === undefined) return [checkClock(machine, undefined)]
  const { urls, problem } = registryAddresses(machine, config.image, registry)
  if (problem !== undefined) {
    const unread = { found: problem, why: `images of ${registry} cannot be pulled`, mend: 'correct that file' }
    return [broken('registry', unread), checkClock(machine, undefined)]
  }
  const attempts = await Promise.all(
    urls.map(async (url) => {
      try {
        return { url, answer: await machine.ask(url) }
      } catch (error) {
        return { url, problem: messageOf(error) }
      }
    }),
  )
  // 401 is what a registry says to somebody without credentials: it is there.
  const good = attempts.find(({ answer }) => answer && (answer.status < 400 || answer.status === 401))
  const answered = attempts.find(({ answer }) => answer !== undefined)
  return [checkRegistry(registry, attempts, good), checkClock(machine, answered?.answer)]
}

interface Attempt {
  readonly url: string
  readonly answer?: HttpAnswer
  readonly problem?: string
}

function checkRegistry(registry: string, attempts: readonly Attempt[], good: Attempt | undefined): Diagnosis {
  const check = 'registry'
  if (good) return ok(check, `${good.url} answers${attempts.length > 1 ? `, for ${registry}` : ''}`)
  const words = attempts.map(({ url, answer, problem }) => `${url}: ${problem ?? `status ${answer?.status}`}`)
  return warning(check, {
    found: words.join('; '),
    why: `images of ${registry} cannot be pulled`,
    mend: `curl -v ${attempts[0]?.url}; look at DNS (/etc/resolv.conf), proxy and firewall; mirrors are set in hosts.toml (docs/images.md)`,
  })
}

function checkClock(machine: Machine, answer: HttpAnswer | undefined): Diagnosis {
  const check = 'clock'
  const trouble = {
    why: 'certificates of registries and of the API server are refused, tokens do not hold, logs lie',
    mend: 'timedatectl set-ntp true, or apt install chrony',
  }
  if (machine.now < past) return broken(check, { found: `it says ${timeOf(machine.now)}, which is past`, ...trouble })
  const skew = answer?.date === undefined ? 0 : Math.abs(machine.now - answer.date)
  if (skew > maxSkewMs) {
    const minutes = Math.round(skew / 60_000)
    return broken(check, { found: `it says ${timeOf(machine.now)}, ${minutes} minutes off the registry's`, ...trouble })
  }
  const running = machine.list('/proc').filter((name) => /^\d+$/.test(name))
  const keeper = running
    .map((pid) => machine.read(`/proc/${pid}/comm`)?.trim() ?? '')
    .find((name) => timekeepers.includes(name))
  if (keeper !== undefined) return ok(check, `kept by ${keeper}`)
  if (answer?.date !== undefined) return ok(check, "it agrees with the registry's; nothing seems to keep it so")
  return warning(check, { found: 'nothing seems to keep it right', ...trouble })
}

const timeOf = (ms: number) => new Date(ms).toISOString()
