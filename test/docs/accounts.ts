/**
 * What stands in the pages and is not run as it stands there. A block says behind its fence how it is tested:
 *
 *     sh run, console run, ts        run on a private berthd          test/docs/run.test.ts
 *     sh node                        run on a new Debian, as a node   test/packaging/pages.test.ts
 *     toml berth, toml hosts, json cni, json base-spec, yaml          read by their readers, test/docs/blocks.test.ts
 *
 * Every other block, and every command in running text that is not one of Berth's, must be in these tables.
 */
export type Account =
  /** It holds no command: a drawing, a list, what a program prints. */
  | { readonly shows: string }
  /** That file runs it, by these words. */
  | { readonly ranBy: string; readonly as: string }
  /** It cannot be run here. */
  | { readonly cannot: string }

/** Blocks, by page and first line. */
export const blockAccounts: Readonly<Record<string, Readonly<Record<string, Account>>>> = {
  'README.md': {
    'npm start': { ranBy: 'test/integration/start.test.ts', as: 'scripts/start.mjs' },
    'Installing the npm packages (npm ci) … done in 8.5 s': {
      ranBy: 'test/integration/start.test.ts',
      as: 'from nothing to a pod and its log',
    },
    'npm test': { cannot: 'it is what runs these tests' },
  },
  'docs/architecture.md': {
    'kubelet · crictl · berth (CLI)': { shows: 'a drawing' },
    'cli         may import agent, manifest, client, doctor, config, mux, lib and gen': { shows: 'the rooms' },
  },
  'docs/contributing.md': {
    'npm ci': { cannot: 'npm ci, npm start and npm test are what brings these tests to run' },
    'test/conformance/   what the kubelet relies on': { shows: 'the folders of tests' },
    'bin/berthd --config /tmp/mine/config.toml': {
      ranBy: 'test/docs/run.test.ts',
      as: 'docs/contributing.md',
    },
  },
  'docs/client.md': {
    'npm ci && npm run build && npm pack': {
      cannot: 'it builds, and installs from the registry of npm, beside the tests',
    },
  },
  'docs/operations.md': {
    '$ berth why shop': { ranBy: 'test/integration/why.test.ts', as: "why('ends/hungry')" },
  },
  'docs/performance.md': {
    'npm run bench -- --endpoint berth=unix:///run/berth/berth.sock --endpoint containerd=unix:///run/containerd/containerd.sock':
      { ranBy: 'test/integration/bench.test.ts', as: "['--endpoint', `berth=unix://" },
    'version = 3': { cannot: "containerd's own; Debian has containerd 1.6, which does not know version 3 of its file" },
    '[crio]': { cannot: "CRI-O's own, which Debian does not have" },
    '#!/bin/sh': { cannot: 'it takes a cgroup and folders in /srv that the reader has made for a bench' },
    'npm run bench -- --rounds 60 --pull-image registry.example/six:r{round} \\': {
      ranBy: 'test/integration/bench.test.ts',
      as: 'bench/main.ts',
    },
  },
  'docs/pods-without-a-cluster.md': {
    'berth: pod default/shop: container "prepare" has ended with exit code 0 (Completed)': {
      shows: 'what the agent of the block before has said',
    },
    'NAMESPACE   NAME   READY   STATUS                  RESTARTS   AGE             WHY': {
      shows: 'a table of berth agent --status',
    },
  },
  'docs/quick-start.md': {
    'npm run package -- --arch amd64 --only deb': { ranBy: 'test/packaging/packages.ts', as: "'--only', 'deb'" },
  },
}

/** Commands in running text, by themselves. Those of berth, berthd, crictl and npm run are checked one by one. */
export const spanAccounts: Readonly<Record<string, Account>> = {
  'apt-get install nodejs npm': { cannot: 'it is how a machine without Node gets to npm start' },
  'npm start': { ranBy: 'test/integration/start.test.ts', as: 'scripts/start.mjs' },
  'npm test': { cannot: 'it is what runs these tests' },
  'npm test -- test/integration/exec.test.ts': { cannot: 'it is what runs these tests' },
  '/etc/init.d/berth start': { ranBy: 'test/packaging/deb.test.ts', as: '/etc/init.d/berth start' },
  'apt-get purge berth': { ranBy: 'docs/from-containerd.md', as: '\napt-get purge berth\n```' },
  '. <(berth completion bash)': { ranBy: 'src/cli/completion/completion.test.ts', as: 'bash' },
  'systemctl reload berth': { ranBy: 'test/packaging/systemd.test.ts', as: 'systemctl reload berth' },
  'systemctl enable --now berth': { ranBy: 'test/packaging/systemd.test.ts', as: 'systemctl enable --now berth' },
  'systemctl enable --now berth-agent': {
    ranBy: 'test/packaging/systemd.test.ts',
    as: 'systemctl enable --now berth-agent',
  },
  'journalctl -u berth': { ranBy: 'docs/troubleshooting.md', as: '\njournalctl -u berth -n 50\n' },
  'grep cgroupDriver /var/lib/kubelet/config.yaml': { ranBy: 'test/packaging/pages.test.ts', as: 'grep cgroupDriver' },
  'kubectl get node NODE -o wide': { cannot: 'it is a kubelet that tells the API server of its runtime' },
  'kubectl get pods': { shows: 'whose words are used' },
  'docker run': { shows: 'what is not touched' },
  'docker save': { ranBy: 'test/integration/images-save.test.ts', as: 'docker-archive' },
  'docker load': { ranBy: 'test/integration/images-save.test.ts', as: 'docker-archive' },
  'kubeadm init': { cannot: 'Debian has no kubeadm' },
  'kubeadm join': { cannot: 'Debian has no kubeadm' },
  'runc features': { ranBy: 'src/oci/features.test.ts', as: 'features' },
  "sqlite3 /var/lib/berth/berth.db 'SELECT * FROM unreadable'": {
    ranBy: 'src/state/database.test.ts',
    as: "rows('unreadable')",
  },
  'BERTH_LOG_SECONDS=300 node --test test/crash/logs.test.ts': {
    ranBy: 'test/crash/logs.test.ts',
    as: 'process.env.BERTH_LOG_SECONDS',
  },
  'containerd --config /srv/bench/containerd/config.toml': { cannot: 'containerd 2 is not in Debian' },
  'crio --config /srv/bench/crio/crio.conf': { cannot: 'CRI-O is not in Debian' },
}
