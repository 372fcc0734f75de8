#!/bin/sh
# Called by keepalived when this machine's part changes: notify.sh primary|backup|fault
ask() {
  conntrackd -C "${CONNTRACKD_CONF:-/etc/conntrackd/conntrackd.conf}" "$@" ||
    logger -t seqshim-ha "conntrackd $* failed"
}
case $1 in
  primary)
    ask -c # what the other machine had and this kernel has not
    ask -f # from now on this machine's table is what counts:
    ask -R # read it,
    ask -B # and send it all
    ;;
  backup) ask -n ;; # the other one's table, all of it
  fault) ;; # a link is down: there is nobody to ask
  *) exit 2 ;;
esac
