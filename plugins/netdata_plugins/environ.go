package netdataplugins

import (
	"os"
	"strconv"
	"strings"
)

// environ returns the environment of a plugin: the agent's, without what secret stores may have put there, and what Netdata tells its plugins.
func (in *input) environ(base []string) []string {
	c := in.config
	first := c.Directories[0]
	var rest []string
	if len(c.Directories) > 1 {
		rest = c.Directories[1:]
	}
	return append(base,
		"NETDATA_USER_CONFIG_DIR="+c.ConfigDir, "NETDATA_STOCK_CONFIG_DIR="+c.StockDir, "NETDATA_CONFIG_DIR="+c.ConfigDir,
		"NETDATA_PLUGINS_DIR="+first, "NETDATA_USER_PLUGINS_DIRS="+strings.Join(rest, " "),
		"NETDATA_WEB_DIR=", "NETDATA_CACHE_DIR="+os.TempDir(), "NETDATA_LIB_DIR="+os.TempDir(), "NETDATA_LOG_DIR="+os.TempDir(), "NETDATA_RUN_DIR="+os.TempDir(),
		"NETDATA_HOST_PREFIX="+c.HostPrefix, "NETDATA_DEBUG_FLAGS=0x0000000000000000", "NETDATA_UPDATE_EVERY="+strconv.Itoa(in.updateEvery))
}
