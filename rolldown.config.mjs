// Bundles the TypeScript entries to dist/. Native and third-party packages stay external, so that
// a command that needs none of them loads none of them.
import { readdirSync, readFileSync } from 'node:fs';
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

const SCENARIOS = 'src/testbed/scenarios';

/** What `testbed list` finds beside the program. */
const shippedScenarios = {
  name: 'shipped-scenarios',
  generateBundle() {
    for (const name of readdirSync(SCENARIOS)) {
      const source = readFileSync(`${SCENARIOS}/${name}`, 'utf8');
      this.emitFile({ type: 'asset', fileName: `scenarios/${name}`, source });
    }
  },
};

export default defineConfig({
  input: ENTRIES,
  plugins: [shippedScenarios],
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
