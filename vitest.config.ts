/**
 * Five projects: `unit` runs anywhere; `labs` and `kernel` need root and network namespaces, `vm`
 * a kernel whose nft can queue, `service` debootstrap, systemd-container and ansible-core too. Where
 * timings are part of what is measured, files run one at a time (`kernel`); two labs that mostly
 * wait run side by side. `test/run.mjs` and `test/vm.mjs` decide which run.
 */
import { defineConfig } from 'vitest/config';

/** Live tests that measure time, rates, or every packet. */
const MEASURING = [
  'bypass',
  'kernel-translation',
  'reanchored',
  'resets',
  'restart',
  'sack',
  'stripped-options',
  'transfers',
  'two-gateways',
].map((name) => `test/e2e/${name}.e2e.test.ts`);
/** Against a hang: on two slow cores the longest takes a third of it. */
const LIVE_LIMIT_MS = 240_000;
const IMAGE_LIMIT_MS = 900_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts', 'test/**/*.prop.test.ts', 'test/**/*.sim.test.ts'],
          exclude: ['test/e2e/**', 'test/kernel/**', 'test/service/**', 'test/vm/**'],
          // Two busy cores are slow; a hang is found all the same.
          testTimeout: 30_000,
          // A process and all modules anew for each file took twice as long as the tests.
          isolate: false,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.kernel.test.ts', ...MEASURING],
          fileParallelism: false,
          testTimeout: LIVE_LIMIT_MS,
          hookTimeout: LIVE_LIMIT_MS,
        },
      },
      {
        test: {
          name: 'labs',
          include: ['test/e2e/**/*.e2e.test.ts'],
          exclude: MEASURING,
          testTimeout: LIVE_LIMIT_MS,
          hookTimeout: LIVE_LIMIT_MS,
        },
      },
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.vm.test.ts'],
          fileParallelism: false,
          testTimeout: LIVE_LIMIT_MS,
          hookTimeout: LIVE_LIMIT_MS,
        },
      },
      {
        test: {
          name: 'service',
          include: ['test/service/**/*.service.test.ts'],
          fileParallelism: false,
          testTimeout: LIVE_LIMIT_MS,
          // The image is made once, which takes minutes.
          hookTimeout: IMAGE_LIMIT_MS,
        },
      },
    ],
  },
});
