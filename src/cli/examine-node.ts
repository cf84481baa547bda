import { CriError } from '../client/index.ts'
import { configFileOf } from '../config/config.ts'
import { diagnose, type Folders } from '../doctor/diagnose.ts'
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
  const { diagnoses, folders } = await askRuntime(cli)
  const ofNode = await diagnose({
    machine,
    ...(configFile !== undefined && { configFile }),
    // A file that the user names is the one to look at.
    ...(config === undefined && { folders }),
    ...(!offline && { registry }),
  })
  return [...ofNode, ...diagnoses]
}

/** The folders of a berthd, out of what it tells of its configuration; none of another runtime. */
function foldersOf(running: unknown): Folders {
  const { root, state } = (running ?? {}) as { root?: unknown; state?: unknown }
  return typeof root === 'string' && typeof state === 'string' ? { root, state } : {}
}

/** Whether the container runtime answers, and what it says of itself. */
async function askRuntime(cli: Cli): Promise<{ readonly diagnoses: Diagnosis[]; readonly folders: Folders }> {
  try {
    const { runtimeName, runtimeVersion } = await cli.cri.runtime.version({}, cli.ask)
    const { status, info } = await cli.cri.runtime.status({ verbose: true }, cli.ask)
    const unmet = (status?.conditions ?? []).filter((condition) => !condition.status)
    const { config, configReading } = parseInfo(info)
    const diagnoses = [
      ok('runtime', `${runtimeName} ${runtimeVersion} answers`),
      ...unmet.map(({ type, reason, message }) =>
        broken(type, {
          found: [reason, message].filter((text) => text !== '').join(': '),
          why: 'the node is NotReady to the kubelet, and pods do not start',
          mend: 'the words above say what to do',
        }),
      ),
      ...notInForce(configReading).map((found) =>
        warning('configuration in force', {
          found,
          why: 'berthd does not run with what its file says',
          mend: 'berth config check; then berth config reload, or systemctl restart berth (pods run on)',
        }),
      ),
    ]
    return { diagnoses, folders: foldersOf(config) }
  } catch (error) {
    const diagnoses = [
      broken('runtime', {
        found: error instanceof CriError ? error.message : messageOf(error),
        why: 'no pod runs without it',
        mend: 'systemctl start berth; its log (journalctl -u berth) says why it does not run',
      }),
    ]
    return { diagnoses, folders: {} }
  }
}
