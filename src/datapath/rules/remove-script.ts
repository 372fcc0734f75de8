/**
 * remove.sh: takes every rule of ours away without Node and without us. Plain POSIX sh, at most
 * twenty lines, does the same however often it runs, says what it did, exits 0 when nothing is
 * left: also when another one removes at the same time. It goes by the names of our chains and our
 * table only, so it cannot touch anybody else's rules.
 */
export function removeScript(version: string): string {
  return `#!/bin/sh
# Removes every firewall rule of seqshim ${version}. Needs root, not Node. Safe to run again.
PATH=$PATH:/usr/sbin:/sbin seen='' did='' left='' keep=''
for x in iptables ip6tables; do
  old=$("$x-save" 2>/dev/null) && seen=1
  new=$(printf '%s\\n' "$old" | awk '/^\\*/ { t = $0; d = f = k = "" }
    /^:SEQSHIM-/ { c = substr($1, 2); f = f "-F " c "\\n"; k = k "-X " c "\\n" }
    /^-A / && !/^-A SEQSHIM-/ && / -[jg] SEQSHIM-/ { sub("-A", "-D"); d = d $0 "\\n" }
    /^COMMIT/ && d f != "" { printf "%s\\n%s%s%sCOMMIT\\n", t, d, f, k }')
  case $old in *KEEP-SEQSHIM*) keep=1 ;; esac; [ "$new" ] || continue
  printf '%s\\n' "$new" | "$x-restore" --noflush -w 5 && did="$did $x" ||
    { sleep 1; "$x-save" 2>/dev/null | grep -q '^:SEQSHIM-' && left="$left $x"; }
done
tables=$(nft list tables 2>/dev/null) && seen=1; case $tables in *keep_seqshim*) keep=1 ;; esac
case $tables in *'table inet seqshim'*) nft delete table inet seqshim && did="$did nft" ||
  { nft list table inet seqshim >/dev/null 2>&1 && left="$left nft"; } ;; esac
[ "$seen" ] || { echo 'seqshim: cannot read the rules, run this as root' >&2; exit 1; }
[ -z "$left" ] || { echo "seqshim: rules are left in:$left, try again" >&2; exit 1; }
[ "$keep" ] && echo 'seqshim: KEEP-SEQSHIM stays: connections that the kernel translates need it'
echo "seqshim: rules removed from:\${did:- nothing, none were there}"
`;
}
