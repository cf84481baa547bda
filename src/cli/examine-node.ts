import { CriError } from '../client/index.ts'
import { configFileOf } from '../config/config.ts'
import { diagnose } from '../doctor/diagnose.ts'
import { broken, type Diagnosis, ok, warning } from '../doctor/diagnosis.ts'
import { type FixOutcome, fixAll } from '../doctor/fix.ts'
import { thisMachine } from '../doctor/machine.ts'
import { messageOf } from '../lib/errors.ts'
import type { Cli } from './cli.ts'
import { notInForce } from './config-reading.ts'
import { parseInfo } from './format/json.ts'

export interface ExamineOptions {
  readonly fix?: true
  readonly config?: string
  readonly registry: string
  readonly offline?: true
}

/** Looks at the node and at the runtime on it; with `fix`, mends what it can and looks again. */
export async function examine(
  cli: Cli,
  options: ExamineOptions,
): Promise<{ before: Diagnosis[]; fixes: FixOutcome[]; after?: Diagnosis[] }> {
  const before = await look(cli, options)
  if (!options.fix) return { before, fixes: [] }
  const fixes = await fixAll(before)
  return { before, fixes, ...(fixes.length > 0 && { after: await look(cli, options) }) }
}

async function look(cli: Cli, { config, registry, offline }: ExamineOptions): Promise<Diagnosis[]> {
  const configFile = configFileOf(config)
  const machine = thisMachine()
  const [ofNode, ofRuntime] = await Promise.all([
    diagnose({ machine, ...(configFile !== undefined && { configFile }), ...(!offline && { registry }) }),
    askRuntime(cli),
  ])
  return [...ofNode, ...ofRuntime]
}

/** Whether the container runtime answers, and what it says of itself. */
async function askRuntime(cli: Cli): Promise<Diagnosis[]> {
  try {
    const { runtimeName, runtimeVersion } = await cli.cri.runtime.version({}, cli.ask)
    const { status, info } = await cli.cri.runtime.status({ verbose: true }, cli.ask)
    const unmet = (status?.conditions ?? []).filter((condition) => !condition.status)
    return [
      ok('runtime', `${runtimeName} ${runtimeVersion} answers`),
      ...unmet.map(({ type, reason, message }) =>
        broken(type, {
          found: [reason, message].filter((text) => text !== '').join(': '),
          why: 'the node is NotReady to the kubelet, and pods do not start',
          mend: 'the words above say what to do',
        }),
      ),
      ...notInForce(parseInfo(info)['configReading']).map((found) =>
        warning('configuration in force', {
          found,
          why: 'berthd does not run with what its file says',
          mend: 'berth config check; then berth config reload, or systemctl restart berth (pods run on)',
        }),
      ),
    ]
  } catch (error) {
    return [
      broken('runtime', {
        found: error instanceof CriError ? error.message : messageOf(error),
        why: 'no pod runs without it',
        mend: 'systemctl start berth; its log (journalctl -u berth) says why it does not run',
      }),
    ]
  }
}
