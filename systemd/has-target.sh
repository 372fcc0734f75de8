#!/bin/sh
# Has the operator named servers? Until then the units start nothing, and say what is missing.
for file in /etc/seqshim/seqshim.toml /etc/seqshim/conf.d/*.toml; do
  grep -qsE '^[[:space:]]*"?target"?[[:space:]]*=' "$file" && exit 0
done
echo 'Not started: no target. Name the servers in /etc/seqshim/seqshim.toml, then: systemctl start seqshim'
exit 1
