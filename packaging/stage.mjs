/**
 * The tree that packages install, put together in a directory: the program, its Node, its modules,
 * units and documents. Owns where each of them goes. Nothing in it names the machine it was made on,
 * and every date is that of the release.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { NODE_LICENSE, officialNode } from './official-node.mjs';
import { copyModules } from './production-modules.mjs';

const LIB = 'usr/lib/seqshim';
const DOC = 'usr/share/doc/seqshim';
const UNITS = 'usr/lib/systemd/system';

/** From the repository `root` into the empty directory `tree`. Dates: seconds since 1970. */
export function stage(root, tree, epochS) {
  const put = (from, to, mode = 0o644) => {
    const path = join(tree, to);
    mkdirSync(join(path, '..'), { recursive: true });
    cpSync(join(root, from), path);
    chmodSync(path, mode);
  };

  const node = officialNode(join(root, 'build'));
  mkdirSync(join(tree, LIB, 'bin'), { recursive: true });
  cpSync(join(node, 'bin/node'), join(tree, LIB, 'bin/node'));
  chmodSync(join(tree, LIB, 'bin/node'), 0o755);

  cpSync(join(root, 'dist'), join(tree, LIB, 'dist'), {
    recursive: true,
    filter: (path) => !path.endsWith('.map') && !path.endsWith('/man'),
  });
  const { name, version, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeJson(join(tree, LIB, 'package.json'), { name, version, type });
  const modules = copyModules(root, join(tree, LIB));
  writeRemoveScript(root, version, join(tree, LIB, 'remove.sh'));

  put('packaging/seqshim.sh', 'usr/bin/seqshim', 0o755);
  put('packaging/setup.sh', `${LIB}/setup`, 0o755);
  put('packaging/seqshim.toml', 'etc/seqshim/seqshim.toml');
  mkdirSync(join(tree, 'etc/seqshim/conf.d'));
  put('systemd/has-target.sh', `${LIB}/has-target`, 0o755);
  put('systemd/share-lock.sh', `${LIB}/share-lock`, 0o755);
  for (const unit of ['seqshim', 'seqshim-rules', 'seqshim-abandon']) {
    put(`systemd/${unit}.service`, `${UNITS}/${unit}.service`);
  }

  for (const file of ['README.md', 'ARCHITECTURE.md', 'SECURITY.md', 'CHANGELOG.md']) {
    put(file, `${DOC}/${file}`);
  }
  put('systemd/README.md', `${DOC}/systemd/README.md`);
  put('LICENSE', `${DOC}/copyright`);
  cpSync(join(node, NODE_LICENSE), join(tree, DOC, 'LICENSE.node'));
  writeFileSync(join(tree, DOC, 'MODULES'), `${modules.join('\n')}\n`);
  putManual(root, tree);
  setDates(tree, epochS);
  return { version, modules };
}

/** As the very program in the tree would write it. */
function writeRemoveScript(root, version, path) {
  const source = JSON.stringify(join(root, 'dist/remove-script.js'));
  const print = `console.log(m.removeScript(${JSON.stringify(version)}).trimEnd())`;
  const text = execFileSync(process.execPath, ['-e', `import(${source}).then((m) => ${print})`]);
  writeFileSync(path, text, { mode: 0o755 });
}

/** Where the manual has been made. */
function putManual(root, tree) {
  const source = join(root, 'dist/man');
  if (!existsSync(source)) return;
  for (const page of readdirSync(source)) {
    const dir = join(tree, 'usr/share/man', `man${page.split('.').at(-1)}`);
    mkdirSync(dir, { recursive: true });
    writeFileSync(
      join(dir, `${page}.gz`),
      gzipSync(readFileSync(join(source, page)), { level: 9 }),
    );
  }
}

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

function setDates(path, epochS) {
  const stats = lstatSync(path);
  if (stats.isDirectory()) {
    for (const entry of readdirSync(path)) setDates(join(path, entry), epochS);
    chmodSync(path, 0o755);
  } else chmodSync(path, stats.mode & 0o111 ? 0o755 : 0o644);
  lutimesSync(path, epochS, epochS);
}
