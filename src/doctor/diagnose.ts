import { type Config, defaultConfig, loadConfig, type Overrides } from '../config/config.ts'
import { messageOf } from '../lib/errors.ts'
import { checkCgroups } from './checks/cgroups.ts'
import { checkKernel } from './checks/kernel.ts'
import { checkNetwork } from './checks/network.ts'
import { checkOutside } from './checks/outside.ts'
import { checkResources } from './checks/resources.ts'
import { checkRuntimes } from './checks/runtimes.ts'
import { checkSecurity } from './checks/security.ts'
import { broken, type Diagnosis, ok } from './diagnosis.ts'
import type { Machine } from './machine.ts'

export type Folders = Pick<Overrides, 'root' | 'state'>

/** How a node is to be looked at. */
export interface Examination {
  readonly machine: Machine
  /** The configuration file of berthd; undefined for none. */
  readonly configFile?: string
  /** Where the berthd that runs has its folders, whatever the file says. */
  readonly folders?: Folders
  /** The registry that is to answer; undefined to ask none. */
  readonly registry?: string
}

/** Looks at everything that a node needs for pods. Changes nothing. */
export async function diagnose({ machine, configFile, folders = {}, registry }: Examination): Promise<Diagnosis[]> {
  const { config, diagnosis } = readConfig(configFile, folders)
  const checks = await Promise.all([
    checkSecurity(machine),
    checkKernel(machine),
    checkCgroups(machine, config),
    checkRuntimes(machine, config),
    checkNetwork(machine, config),
    checkResources(machine, config),
    checkOutside(machine, config, registry),
  ])
  return [diagnosis, ...checks.flat()]
}

/** With a file that is not valid the rest is looked at as if there were none. */
function readConfig(path: string | undefined, folders: Folders): { config: Config; diagnosis: Diagnosis } {
  const check = 'configuration'
  try {
    return { config: loadConfig(path, folders), diagnosis: ok(check, path ?? 'built-in defaults') }
  } catch (error) {
    const diagnosis = broken(check, {
      found: messageOf(error),
      why: 'berthd does not start with it',
      mend: `berth config check ${path}; berth config default shows every key`,
    })
    return { config: { ...defaultConfig(), ...folders }, diagnosis }
  }
}
