import type { Config } from '../../config/config.ts'
import { parseFeatures, type RuntimeFeatures } from '../../oci/features.ts'
import { broken, type Diagnosis, ok, warning } from '../diagnosis.ts'
import type { Machine } from '../machine.ts'

/** The OCI runtimes: those in the configuration, runc, and crun where it is installed. */
export function checkRuntimes(machine: Machine, config: Config): Promise<Diagnosis[]> {
  const names = new Set([...Object.keys(config.runtime), 'runc'])
  if (machine.find('crun') !== undefined) names.add('crun')
  const standard = config.default_runtime ?? 'runc'
  return Promise.all(
    [...names].map((name) => checkRuntime(machine, name, config.runtime[name]?.path, name === standard)),
  )
}

async function checkRuntime(
  machine: Machine,
  name: string,
  configured: string | undefined,
  isStandard: boolean,
): Promise<Diagnosis> {
  const check = `OCI runtime ${name}`
  const program = configured ?? name
  const path = program.startsWith('/') ? program : machine.find(program)
  if (path === undefined || !machine.isExecutable(path)) {
    const trouble = {
      found: `there is no program ${program}`,
      why: isStandard
        ? 'it is the default: no container starts without it'
        : `pods of the runtime class ${name} do not start`,
      mend: ['runc', 'crun'].includes(name)
        ? `apt install ${name}`
        : `install it, or correct path in [runtime.${name}]`,
    }
    return isStandard ? broken(check, trouble) : warning(check, trouble)
  }
  const features = readFeatures((await machine.run(path, 'features')).stdout)
  if (features === undefined) {
    const { exitCode, stdout, stderr } = await machine.run(path, '--version')
    const [version = ''] = (stdout || stderr).split('\n')
    if (exitCode === 0) return ok(check, `${path}, ${version}; it does not tell its features`)
    return broken(check, {
      found: `${path} does not run: ${(stderr || stdout).trim() || `exit code ${exitCode}`}`,
      why: 'no container starts with it',
      mend: `install it anew (apt install --reinstall ${name})`,
    })
  }
  return describe(check, path, features)
}

function describe(check: string, path: string, features: RuntimeFeatures): Diagnosis {
  const found = `${path}${features.version ? ` ${features.version}` : ''}, for specifications up to ${features.ociVersionMax}`
  if (!features.seccomp) {
    return warning(check, {
      found: `${found}; built without seccomp`,
      why: 'profiles that keep containers from dangerous system calls have no effect',
      mend: 'use a build with libseccomp, as that of every distribution is',
    })
  }
  const lacks = [
    ...(features.recursiveReadOnly ? [] : ['mounts that are read-only with all below them']),
    ...(features.idMappedMounts ? [] : ['pods with user namespaces']),
  ]
  return ok(check, `${found}${lacks.length > 0 ? `; without ${lacks.join(', ')}` : ''}`)
}

function readFeatures(text: string): RuntimeFeatures | undefined {
  try {
    return parseFeatures(text)
  } catch {
    return undefined
  }
}
