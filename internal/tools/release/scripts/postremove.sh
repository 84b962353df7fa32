#!/bin/sh
# dpkg removes the configuration when the package is purged. The user stays, because files may belong to it.
set -e
if [ "${1:-}" = purge ]; then
    rm -rf /var/lib/rtcollector
    rmdir /etc/rtcollector 2>/dev/null || true
fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
