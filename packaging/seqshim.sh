#!/bin/sh
# seqshim with the Node that came with it. Options of another Node are not for this one.
unset NODE_OPTIONS NODE_PATH
exec /usr/lib/seqshim/bin/node /usr/lib/seqshim/dist/cli.js "$@"
