-- One row per run. Times are milliseconds since 1970. JSON members hold what is
-- only shown or fed back whole.
CREATE TABLE runs (
  uid         TEXT PRIMARY KEY,           -- unique over all machines: host, id, start
  id          TEXT NOT NULL,              -- the short id of the run's directory
  name        TEXT NOT NULL DEFAULT '',
  argv        TEXT NOT NULL,              -- JSON array, secrets blanked
  command_key TEXT NOT NULL,              -- equal for runs whose durations can be compared
  dir         TEXT NOT NULL,
  host        TEXT NOT NULL,
  machine     TEXT NOT NULL DEFAULT '',
  machine_key TEXT NOT NULL DEFAULT '',
  facts       TEXT NOT NULL DEFAULT '{}', -- git, Python and framework versions
  stoker      TEXT NOT NULL DEFAULT '',
  started     INTEGER NOT NULL,
  ended       INTEGER NOT NULL DEFAULT 0, -- 0: not known to have ended
  code        INTEGER NOT NULL DEFAULT 0,
  sig         INTEGER NOT NULL DEFAULT 0,
  cause       TEXT NOT NULL DEFAULT '',
  text        TEXT NOT NULL DEFAULT '',
  attempts    INTEGER NOT NULL DEFAULT 1,
  percent     REAL NOT NULL DEFAULT -1,
  data_wait   REAL NOT NULL DEFAULT -1,   -- share of step time, -1 unknown
  record      TEXT NOT NULL DEFAULT '',   -- estimate.Record: phases, speeds, forecasts
  scores      TEXT NOT NULL DEFAULT '',   -- []estimate.Scored
  imported    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX runs_by_start ON runs (started DESC);
CREATE INDEX runs_by_command ON runs (command_key, machine_key, started DESC);

-- min_reader: the oldest schema version whose programs may use this file.
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO meta VALUES ('min_reader', 1);
