import type { Seccomp, SeccompRule } from '../runtime-spec.ts'
import { allowedSyscalls, architectureSyscalls, capabilitySyscalls } from './seccomp-syscalls.ts'

/** The ABIs that a process of the architecture can call the kernel by; all must be filtered or one is a way around. */
const architectures: Readonly<Record<'x64' | 'arm64', readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_ARM', 'SCMP_ARCH_AARCH64'],
}

/** NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET of clone(2). */
const newNamespaceFlags = 0x7e020000
const ENOSYS = 38

/** What personality(2) may be asked: the present one, PER_LINUX, PER_LINUX32, UNAME26 and both. */
const personalities = [0x0, 0x0008, 0x20000, 0x20008, 0xffffffff]

/**
 * The filter for RuntimeDefault: equal in effect to that of containerd 2. Everything not named fails with EPERM; what only a
 * capability makes harmless or useful is allowed with that capability.
 *
 * @param boundingSet the container's capabilities, `CAP_…`
 */
export function defaultSeccomp(architecture: 'x64' | 'arm64', boundingSet: readonly string[]): Seccomp {
  const byCapability = boundingSet.flatMap((name) => capabilitySyscalls[name] ?? [])
  // ptrace and its kin are safe since Linux 4.8, where seccomp looks at a call again after a tracer has changed it.
  const names = [
    ...allowedSyscalls,
    'ptrace',
    'process_vm_readv',
    'process_vm_writev',
    ...architectureSyscalls[architecture],
    ...byCapability,
  ]
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: architectures[architecture],
    syscalls: [
      { names: [...new Set(names)], action: 'SCMP_ACT_ALLOW' },
      ...socketRules,
      ...personalities.map((value) => allowWhen('personality', 'SCMP_CMP_EQ', value)),
      ...(boundingSet.includes('CAP_SYS_ADMIN') ? [] : cloneRules),
    ],
  }
}

/**
 * Every address family but AF_ALG (38) and AF_VSOCK (40): one reaches the kernel's crypto code, the other the hypervisor.
 * Three ranges, since libseccomp joins several rules for one argument by "or".
 */
const socketRules: readonly SeccompRule[] = [
  allowWhen('socket', 'SCMP_CMP_LT', 38),
  allowWhen('socket', 'SCMP_CMP_EQ', 39),
  allowWhen('socket', 'SCMP_CMP_GT', 40),
]

/**
 * Threads and forks, but no new namespaces. clone3 has its flags in memory, where a filter cannot look: ENOSYS makes the C
 * library fall back to clone.
 */
const cloneRules: readonly SeccompRule[] = [
  {
    names: ['clone'],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index: 0, value: newNamespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
  },
  { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
]

function allowWhen(name: string, op: string, value: number): SeccompRule {
  return { names: [name], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value, op }] }
}
