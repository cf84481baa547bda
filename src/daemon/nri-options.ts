import type { NriSettings } from '../nri/nri.ts'
import type { ValidatorSettings } from '../nri/validator.ts'
import type { Config } from '../config/config.ts'

/** The configuration's words for NRI, put into the room's own: those in force whenever it looks. */
export function nriOptions(live: { readonly current: Config }, version: string): NriSettings {
  const { socket, external_plugins, plugin_dir, plugin_config_dir } = live.current.nri
  return {
    version,
    socket,
    externalPlugins: external_plugins,
    pluginDir: plugin_dir,
    pluginConfigDir: plugin_config_dir,
    get cdiDirs() {
      return live.current.cdi_dirs
    },
    get registrationTimeoutMs() {
      return live.current.nri.registration_timeout_ms
    },
    get requestTimeoutMs() {
      return live.current.nri.request_timeout_ms
    },
    get validator() {
      return validatorSettings(live.current.nri.validator)
    },
  }
}

function validatorSettings(validator: Config['nri']['validator']): ValidatorSettings | undefined {
  return (
    validator && {
      rejectHooks: validator.reject_hooks,
      rejectRuntimeDefaultSeccomp: validator.reject_runtime_default_seccomp,
      rejectUnconfinedSeccomp: validator.reject_unconfined_seccomp,
      rejectCustomSeccomp: validator.reject_custom_seccomp,
      rejectNamespaces: validator.reject_namespaces,
      rejectSysctls: validator.reject_sysctls,
      requiredPlugins: validator.required_plugins,
      tolerateMissingAnnotation: validator.tolerate_missing_annotation,
    }
  )
}
