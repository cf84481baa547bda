import type { ImageSettings } from '../image/settings.ts'
import { helperRunner } from '../image/registry/credential-helper.ts'
import type { Reaper } from '../linux/reaper.ts'
import type { Config } from '../config/config.ts'

/** What the `[image]` table means for the image room. */
export function imageOptions(image: Config['image'], reaper: Reaper): ImageSettings {
  return {
    registry: {
      ...(image.registry_config_dirs && { certsDirs: image.registry_config_dirs }),
      ...(image.plain_http && { plainHttp: image.plain_http }),
      ...(image.auth_file && { authFile: image.auth_file, runHelper: helperRunner(reaper) }),
    },
    limits: { maxBytes: image.max_layer_bytes, maxEntries: image.max_layer_entries },
    ...(image.signature_policy && { signaturePolicy: image.signature_policy }),
    ...(image.pinned && { pinned: image.pinned }),
  }
}
