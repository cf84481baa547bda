import type { Config } from '../config/config.ts'
import type { NetworkSettings } from '../network/network.ts'

/** What the `[cni]` table means for the network room. */
export function networkSettings({ conf_dir, bin_dirs, plugin_timeout_ms }: Config['cni']): NetworkSettings {
  return { confDir: conf_dir, ...(bin_dirs && { binDirs: bin_dirs }), pluginMs: plugin_timeout_ms }
}
