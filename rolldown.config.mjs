// Bundles the TypeScript entries to dist/. Native and third-party packages stay external, so that
// a command that needs none of them loads none of them.
import { defineConfig } from 'rolldown';

const ENTRIES = {
  cli: 'src/cli/main.ts',
  'packet-worker': 'src/datapath/nfqueue/worker.ts',
  'simulate-worker': 'src/datapath/sim/swarm-worker.ts',
  firewall: 'src/testbed/firewall/main.ts',
  peer: 'src/testbed/peer/main.ts',
  flood: 'src/testbed/flood/main.ts',
  'packet-script': 'src/testbed/packet-script/main.ts',
  demo: 'src/testbed/demo-main.ts',
  'generated-files': 'src/cli/generated-files.ts',
  soak: 'src/testbed/soak-main.ts',
  // For the bench.
  takeover: 'src/testbed/takeover.ts',
  // For packages, which bring remove.sh.
  'remove-script': 'src/datapath/rules/remove-script.ts',
};

export default defineConfig({
  input: ENTRIES,
  platform: 'node',
  external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  output: {
    dir: 'dist',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    sourcemap: true,
    cleanDir: true,
  },
});
