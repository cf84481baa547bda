import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { failedPrecondition, invalidArgument } from '../lib/errors.ts'
import { findProgram } from '../linux/find-program.ts'
import { canIdMapFolder } from '../linux/user-namespace.ts'
import { isElf } from '../linux/is-elf.ts'
import type { Reaper } from '../linux/reaper.ts'
import { loadDefaultApparmorProfile } from '../oci/apparmor.ts'
import { type HostFacts, probeHostFacts, withRuntime } from '../oci/host-facts.ts'
import { loadBaseSpec } from '../oci/load-base-spec.ts'
import { OciRuntime } from '../oci/runtime.ts'
import { type RuntimeHandler, RuntimeHandlers } from '../pod/handlers.ts'
import type { Layout } from '../pod/layout.ts'
import type { Config } from '../config/config.ts'

/** How long a runtime may take to say what it can do, in milliseconds. */
const patienceMs = 5000

/**
 * The runtime handlers of this node: those in the configuration, and runc and crun where they are installed, each asked for
 * what it can do. The default is the configured one, or runc.
 */
export async function runtimeHandlers(config: Config, layout: Layout, reaper: Reaper): Promise<RuntimeHandlers> {
  const names = new Set([...Object.keys(config.runtime), 'runc'])
  if (findProgram('crun')) names.add('crun')
  const standard = config.default_runtime ?? 'runc'
  if (!names.has(standard)) {
    throw invalidArgument(`default_runtime: no runtime handler "${standard}" is configured ([runtime.${standard}])`)
  }
  const configured = [...names].map((name) => configuredHandler(name, config, layout))
  const host = await probeHost(reaper)
  const handlers = await Promise.all(configured.map((handler) => probed(handler, host, config, layout, reaper)))
  return new RuntimeHandlers(handlers, standard)
}

async function probeHost(reaper: Reaper): Promise<HostFacts> {
  const host = probeHostFacts()
  const apparmorDefault = host.apparmor ? await loadDefaultApparmorProfile(reaper) : undefined
  return { ...host, ...(apparmorDefault !== undefined && { apparmorDefault }) }
}

type Configured = Omit<RuntimeHandler, 'host'>

function configuredHandler(name: string, config: Config, layout: Layout): Configured {
  const own = config.runtime[name] ?? {}
  const path = programPath(own.path ?? name)
  const cgroupDriver = own.cgroup_driver ?? config.cgroup_driver
  if (cgroupDriver === 'systemd')
    requireSystemd(own.cgroup_driver ? `[runtime.${name}] cgroup_driver` : 'cgroup_driver')
  const pidsLimit = own.pids_limit ?? config.pids_limit
  return {
    name,
    command: {
      name,
      path,
      root: layout.runtimeRoot(name),
      ...(own.args && { args: own.args }),
      ...(cgroupDriver === 'systemd' && { systemdCgroup: true }),
    },
    cgroupDriver,
    ...(own.delete_timeout_ms !== undefined && { deleteMs: own.delete_timeout_ms }),
    options: {
      podAnnotations: own.pod_annotations ?? [],
      containerAnnotations: own.container_annotations ?? [],
      privilegedWithoutHostDevices: own.privileged_without_host_devices ?? false,
      cgroupWritable: own.cgroup_writable ?? false,
      sandboxPerContainer: own.sandbox_per_container ?? basename(path) === 'runsc',
      ...(pidsLimit > 0 && { pidsLimit }),
      ...(own.base_spec && { baseSpec: loadBaseSpec(own.base_spec) }),
    },
  }
}

async function probed(
  handler: Configured,
  host: HostFacts,
  config: Config,
  layout: Layout,
  reaper: Reaper,
): Promise<RuntimeHandler> {
  const runtime = new OciRuntime({ ...handler.command, reaper })
  const features = await runtime.features(AbortSignal.timeout(patienceMs)).catch(() => undefined)
  const facts = withRuntime(host, features)
  // Asked last and seldom: only where everything else says yes.
  const userNamespaces = facts.userNamespaces && (await canIdMapFolder(reaper, layout.root))
  const isRuncOrCrun = features?.keepsPlainState === true && isProgramItself(handler.command.path)
  const plainState = isRuncOrCrun && handler.cgroupDriver === 'cgroupfs'
  return {
    ...handler,
    host: { ...facts, userNamespaces },
    plainState,
    waitsForConfig: isRuncOrCrun && config.start_early,
    needsOwnMountsOnly: isRuncOrCrun,
  }
}

/** Not a wrapper around one, which may do more, and sooner. */
function isProgramItself(path: string): boolean {
  return /^(runc|crun)/.test(basename(path)) && isElf(path)
}

/** A path that does not exist is reported when a pod asks for it: the runtime may be installed later. */
function programPath(path: string): string {
  return path.startsWith('/') ? path : (findProgram(path) ?? join('/usr/bin', path))
}

function requireSystemd(key: string): void {
  // As sd_booted(3) tells.
  if (existsSync('/run/systemd/system')) return
  throw failedPrecondition(
    `${key} is "systemd", but this machine was not booted with systemd (there is no /run/systemd/system); ` +
      'use "cgroupfs", and cgroupDriver: cgroupfs in the kubelet’s configuration too',
  )
}
