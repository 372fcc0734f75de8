#!/bin/sh
# Lets the user of the service take the lock of iptables-legacy, which only has to be read for that.
# With a lock of its own its changes could undo those of others that are made at the same time.
set -e
lock=/run/xtables.lock
[ -e "$lock" ] || (umask 077 && : >>"$lock")
chgrp seqshim "$lock"
chmod 0640 "$lock"
