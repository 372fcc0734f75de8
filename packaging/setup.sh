#!/bin/sh
# What files alone cannot do: users, and units. The Debian package calls `install` and `stop`
# itself; after unpacking the tarball, or before deleting it, somebody has to.
set -e
running() { [ -d /run/systemd/system ]; }

case ${1:-} in
install)
  getent group seqshim-admin >/dev/null || groupadd --system seqshim-admin
  getent passwd seqshim >/dev/null || useradd --system --user-group --no-create-home \
    --home-dir /var/lib/seqshim --shell /usr/sbin/nologin seqshim
  if running; then systemctl --system daemon-reload; fi
  ;;
stop)
  # The rules go with it.
  if running; then systemctl stop seqshim.service seqshim-rules.service; fi
  sh /usr/lib/seqshim/remove.sh
  ;;
purge)
  "$0" stop
  if running; then systemctl --quiet disable seqshim.service; fi
  rm -rf /etc/seqshim /var/lib/seqshim /run/seqshim
  getent passwd seqshim >/dev/null && userdel seqshim
  getent group seqshim-admin >/dev/null && groupdel seqshim-admin
  if [ -e /run/xtables.lock ]; then chgrp root /run/xtables.lock && chmod 0600 /run/xtables.lock; fi
  rm -f /usr/bin/seqshim /usr/share/man/man8/seqshim.8.gz
  rm -f /usr/lib/systemd/system/seqshim.service /usr/lib/systemd/system/seqshim-*.service
  rm -rf /usr/share/doc/seqshim /usr/lib/seqshim
  if running; then systemctl --system daemon-reload; fi
  ;;
*)
  echo "usage: $0 install | stop | purge (everything of seqshim's, these files too)" >&2
  exit 2
  ;;
esac
