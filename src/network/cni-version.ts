/** The versions of the CNI specification that Berth speaks, oldest first. */
export const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const

export type CniVersion = (typeof supportedVersions)[number]

export function isSupportedVersion(version: string): version is CniVersion {
  return (supportedVersions as readonly string[]).includes(version)
}

/** Whether `version` is `floor` or later. */
export function atLeast(version: CniVersion, floor: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(floor)
}
