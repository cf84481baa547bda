import type { NriSettings } from '../nri/nri.ts'
import type { Config } from '../config/config.ts'

/** The configuration's words for NRI, put into the room's own. */
export function nriOptions({ nri, cdi_dirs }: Config, version: string): NriSettings {
  const { validator } = nri
  return {
    version,
    cdiDirs: cdi_dirs,
    socket: nri.socket,
    externalPlugins: nri.external_plugins,
    pluginDir: nri.plugin_dir,
    pluginConfigDir: nri.plugin_config_dir,
    registrationTimeoutMs: nri.registration_timeout_ms,
    requestTimeoutMs: nri.request_timeout_ms,
    ...(validator && {
      validator: {
        rejectHooks: validator.reject_hooks,
        rejectRuntimeDefaultSeccomp: validator.reject_runtime_default_seccomp,
        rejectUnconfinedSeccomp: validator.reject_unconfined_seccomp,
        rejectCustomSeccomp: validator.reject_custom_seccomp,
        rejectNamespaces: validator.reject_namespaces,
        rejectSysctls: validator.reject_sysctls,
        requiredPlugins: validator.required_plugins,
        tolerateMissingAnnotation: validator.tolerate_missing_annotation,
      },
    }),
  }
}
