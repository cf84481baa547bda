import type { DeviceUsage } from '../../linux/cgroup/usage.ts'
import type { ContainerSource, Disk } from './container-source.ts'
import { deviceName } from './device-name.ts'
import type { MetricFamily } from './metric.ts'

export const diskFamilies: readonly MetricFamily<ContainerSource>[] = [
  onDisk('container_fs_usage_bytes', 'What the container has written and not deleted, in bytes.', (_, layer) => layer),
  onDisk('container_fs_limit_bytes', 'What the file system holds that it writes to, in bytes.', ({ bytes }) => bytes),
  onDisk('container_fs_inodes_total', 'The inodes of that file system.', ({ inodes }) => inodes),
  onDisk('container_fs_inodes_free', 'The free inodes of that file system.', ({ freeInodes }) => freeInodes),
  ofDevice('container_fs_reads_bytes_total', 'Bytes read.', ({ readBytes }) => readBytes),
  ofDevice('container_fs_reads_total', 'Reads.', ({ reads }) => reads),
  ofDevice('container_fs_writes_bytes_total', 'Bytes written.', ({ writtenBytes }) => writtenBytes),
  ofDevice('container_fs_writes_total', 'Writes.', ({ writes }) => writes),
  {
    name: 'container_blkio_device_usage_total',
    help: 'Bytes read from and written to block devices.',
    type: 'counter',
    labels: ['device', 'major', 'minor', 'operation'],
    values: ({ details }) =>
      details.devices.flatMap(({ major, minor, readBytes, writtenBytes }) => {
        const device = [deviceName(major, minor), String(major), String(minor)]
        return [
          { value: readBytes, labels: [...device, 'Read'] },
          { value: writtenBytes, labels: [...device, 'Write'] },
        ]
      }),
  },
]

function onDisk(
  name: string,
  help: string,
  value: (disk: Disk, layerBytes: number) => number,
): MetricFamily<ContainerSource> {
  const values = ({ disk, sample }: ContainerSource) => [
    { value: value(disk, sample.layer.bytes), labels: [disk.device] },
  ]
  return { name, help, type: 'gauge', labels: ['device'], values }
}

function ofDevice(name: string, help: string, value: (usage: DeviceUsage) => number): MetricFamily<ContainerSource> {
  const values = ({ details }: ContainerSource) =>
    details.devices.map((usage) => ({ value: value(usage), labels: [deviceName(usage.major, usage.minor)] }))
  return { name, help, type: 'counter', labels: ['device'], values }
}
