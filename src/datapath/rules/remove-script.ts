/**
 * remove.sh: takes every rule of ours away without Node and without us. Plain POSIX sh, at most
 * twenty lines, does the same however often it runs, says what it did. It goes by our chain and
 * table names only, so it cannot touch anybody else's rules.
 */
export function removeScript(version: string): string {
  return `#!/bin/sh
# Removes every rule of seqshim ${version}. Needs root, not Node. Safe to run again.
n=0
for x in iptables ip6tables; do
  command -v "$x-save" >/dev/null 2>&1 || continue
  for t in raw mangle; do
    "$x-save" -t $t 2>/dev/null | grep -q SEQSHIM- || continue
    "$x-save" -t $t | sed -n '/^-A SEQSHIM-/d; s/^-A \\(.*SEQSHIM-.*\\)/-D \\1/p' |
      { echo "*$t"; cat; echo COMMIT; } | "$x-restore" -w 5 --noflush && n=$((n + 1))
    c=$("$x-save" -t $t | sed -n 's/^:\\(SEQSHIM-[A-Z-]*\\) .*/\\1/p')
    for i in $c; do "$x" -w 5 -t $t -F "$i"; done
    for i in $c; do "$x" -w 5 -t $t -X "$i"; done
  done
done
nft delete table inet seqshim 2>/dev/null && n=$((n + 1))
echo "seqshim: $n rule tables cleaned"
if { iptables-save; ip6tables-save; nft list tables; } 2>/dev/null | grep -qi seqshim; then exit 1; fi
`;
}
