package sqlite

const (
	// applicationID marks our files ("rtc1"; https://sqlite.org/pragma.html#pragma_application_id).
	applicationID = 0x72746331

	// schemaVersion is the version of the tables. A file with a larger one is refused, because we would damage it.
	schemaVersion = 1
)

// schema makes the tables. A text is stored once, and so are the processes, the ends of connections and the circumstances that events
// have in common; 0 stands for none. Tables of events have the ID of an event as their key, so that they are in the order of time, need
// no other index, and take each event once. "used" is the last hour, since 1970, in which an event used the row.
const schema = `
CREATE TABLE writers (id INTEGER PRIMARY KEY, instance TEXT NOT NULL UNIQUE);
CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, used INTEGER NOT NULL, in_totals INTEGER NOT NULL);
CREATE INDEX texts_used ON texts (in_totals, used);
CREATE TABLE runs (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, session INTEGER NOT NULL, host INTEGER NOT NULL,
	first INTEGER NOT NULL, last INTEGER NOT NULL, UNIQUE (run, session, host));
CREATE TABLE processes (id INTEGER PRIMARY KEY, host INTEGER NOT NULL, pid INTEGER NOT NULL, comm INTEGER NOT NULL, cmdline INTEGER NOT NULL,
	user INTEGER NOT NULL, ancestry INTEGER NOT NULL, provider INTEGER NOT NULL, used INTEGER NOT NULL);
CREATE INDEX processes_pid ON processes (pid);
CREATE INDEX processes_used ON processes (used);
CREATE TABLE ends (id INTEGER PRIMARY KEY, proto INTEGER NOT NULL, direction INTEGER NOT NULL, local_ip INTEGER NOT NULL, remote_ip INTEGER NOT NULL,
	domain INTEGER NOT NULL, domain_source INTEGER NOT NULL, used INTEGER NOT NULL);
CREATE INDEX ends_remote ON ends (remote_ip, domain);
CREATE INDEX ends_used ON ends (used);
CREATE TABLE details (id INTEGER PRIMARY KEY, alert INTEGER NOT NULL, error INTEGER NOT NULL, reason INTEGER NOT NULL, via INTEGER NOT NULL,
	before_start INTEGER NOT NULL, used INTEGER NOT NULL);
CREATE INDEX details_alert ON details (alert, error);
CREATE INDEX details_used ON details (used);
CREATE TABLE events (time INTEGER NOT NULL, writer INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL, run INTEGER NOT NULL,
	conn INTEGER NOT NULL, process INTEGER NOT NULL, ends INTEGER NOT NULL, local_port INTEGER, remote_port INTEGER, details INTEGER NOT NULL,
	message INTEGER, duration INTEGER, tx INTEGER, rx INTEGER, retries INTEGER NOT NULL, PRIMARY KEY (time, writer, seq)) WITHOUT ROWID;
CREATE TABLE documents (time INTEGER NOT NULL, writer INTEGER NOT NULL, seq INTEGER NOT NULL, severity INTEGER NOT NULL, document TEXT NOT NULL);
CREATE UNIQUE INDEX documents_id ON documents (time, writer, seq);
CREATE TABLE active (run INTEGER NOT NULL, conn INTEGER NOT NULL, PRIMARY KEY (run, conn)) WITHOUT ROWID;
CREATE TABLE destinations (destination INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE INDEX destinations_first ON destinations (first);
CREATE TABLE totals (hour INTEGER NOT NULL, provider INTEGER NOT NULL, destination INTEGER NOT NULL, process INTEGER NOT NULL, port INTEGER NOT NULL,
	proto INTEGER NOT NULL, direction INTEGER NOT NULL, opened INTEGER NOT NULL, failed INTEGER NOT NULL, closed INTEGER NOT NULL,
	alerts INTEGER NOT NULL, tx INTEGER NOT NULL, rx INTEGER NOT NULL, timed INTEGER NOT NULL, micros INTEGER NOT NULL, longest INTEGER NOT NULL,
	PRIMARY KEY (hour, provider, destination, process, port, proto, direction)) WITHOUT ROWID;
CREATE TABLE pruned (until INTEGER NOT NULL);
INSERT INTO pruned VALUES (0);
CREATE VIEW connection_events AS SELECT
	e.time AS time, w.instance AS instance, e.seq AS seq, CASE e.kind WHEN 1 THEN 'connect' WHEN 2 THEN 'close' ELSE 'alert' END AS event,
	alert.text AS alert, e.message AS own_message, message.text AS message, run.text AS run_id, session.text AS session, e.conn AS conn,
	host.text AS host, p.pid AS pid, comm.text AS comm, cmdline.text AS cmdline, user.text AS user, ancestry.text AS ancestry,
	p.ancestry < 0 AS ancestry_of_parent, provider.text AS provider, proto.text AS proto, direction.text AS direction, local_ip.text AS local_ip,
	e.local_port AS local_port, remote_ip.text AS remote_ip, e.remote_port AS remote_port, domain.text AS domain,
	domain_source.text AS domain_source, e.duration / 1000.0 AS duration_ms, e.duration AS duration, e.tx AS tx_bytes, e.rx AS rx_bytes,
	e.retries AS retry_count, error.text AS error, reason.text AS reason, d.before_start AS before_start, via.text AS via
FROM events e LEFT JOIN writers w ON w.id = e.writer
	LEFT JOIN runs r ON r.id = e.run LEFT JOIN processes p ON p.id = e.process LEFT JOIN ends n ON n.id = e.ends LEFT JOIN details d ON d.id = e.details
	LEFT JOIN texts alert ON alert.id = d.alert LEFT JOIN texts error ON error.id = d.error LEFT JOIN texts reason ON reason.id = d.reason
	LEFT JOIN texts via ON via.id = d.via LEFT JOIN texts message ON message.id = e.message LEFT JOIN texts run ON run.id = r.run
	LEFT JOIN texts session ON session.id = r.session LEFT JOIN texts host ON host.id = p.host LEFT JOIN texts comm ON comm.id = p.comm
	LEFT JOIN texts cmdline ON cmdline.id = p.cmdline LEFT JOIN texts user ON user.id = p.user LEFT JOIN texts ancestry ON ancestry.id = abs(p.ancestry)
	LEFT JOIN texts provider ON provider.id = p.provider LEFT JOIN texts proto ON proto.id = n.proto LEFT JOIN texts direction ON direction.id = n.direction
	LEFT JOIN texts local_ip ON local_ip.id = n.local_ip LEFT JOIN texts remote_ip ON remote_ip.id = n.remote_ip
	LEFT JOIN texts domain ON domain.id = n.domain LEFT JOIN texts domain_source ON domain_source.id = n.domain_source;
CREATE VIEW connection_totals AS SELECT
	datetime(t.hour * 3600, 'unixepoch') AS hour, provider.text AS provider, destination.text AS destination, process.text AS process, t.port AS port,
	proto.text AS proto, direction.text AS direction, t.opened AS opened, t.failed AS failed, t.closed AS closed, t.alerts AS alerts, t.tx AS tx_bytes,
	t.rx AS rx_bytes, t.timed AS timed, t.micros / 1000.0 AS duration_ms, t.longest / 1000.0 AS longest_ms
FROM totals t LEFT JOIN texts provider ON provider.id = t.provider LEFT JOIN texts destination ON destination.id = t.destination
	LEFT JOIN texts process ON process.id = t.process LEFT JOIN texts proto ON proto.id = t.proto LEFT JOIN texts direction ON direction.id = t.direction;
`
