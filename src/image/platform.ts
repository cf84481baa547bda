import type { Descriptor, Platform } from './manifest.ts'

/** The platform that images are chosen for, in the names that images use (GOOS, GOARCH, GOARM). */
export function hostPlatform(arch: string = process.arch): Platform {
  if (arch === 'x64') return { os: 'linux', architecture: 'amd64', variant: '' }
  if (arch === 'arm64') return { os: 'linux', architecture: 'arm64', variant: 'v8' }
  return { os: 'linux', architecture: arch, variant: '' }
}

/** Variants that run everywhere on the architecture, and mean the same as none. */
const baseVariant: Readonly<Record<string, string>> = { amd64: 'v1', arm64: 'v8' }

/** Whether an image for `platform` runs on `host`; an image that says nothing of itself is taken at its word. */
export function runsOn(platform: Platform, host: Platform): boolean {
  return (
    (platform.os === '' || platform.os === host.os) &&
    (platform.architecture === '' || normalArchitecture(platform.architecture) === host.architecture) &&
    (platform.variant === '' ||
      platform.variant === baseVariant[host.architecture] ||
      platform.variant === host.variant)
  )
}

function normalArchitecture(architecture: string): string {
  const name = architecture.toLowerCase()
  if (name === 'x86_64' || name === 'x86-64') return 'amd64'
  return name === 'aarch64' ? 'arm64' : name
}

/**
 * The manifest of an index for a host: the first that names its platform, else the first that names none. Undefined when
 * there is none. Attestations (BuildKit's provenance and SBOM manifests) are never chosen.
 */
export function choosePlatform(manifests: readonly Descriptor[], host: Platform): Descriptor | undefined {
  const images = manifests.filter(({ annotations }) => annotations['vnd.docker.reference.type'] === undefined)
  return (
    images.find(({ platform }) => platform && platform.os !== '' && runsOn(platform, host)) ??
    images.find(({ platform }) => !platform || (platform.os === '' && platform.architecture === ''))
  )
}

/** `linux/arm64/v8`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== '').join('/')
}
