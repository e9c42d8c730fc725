-- What the adviser keeps. Everything is an addition: programs of schema version 1
-- go on working on this file.
ALTER TABLE runs ADD COLUMN timing TEXT NOT NULL DEFAULT '';    -- Timing: step, epoch and validation times
ALTER TABLE runs ADD COLUMN diagnosis TEXT NOT NULL DEFAULT ''; -- JSON of package why
ALTER TABLE runs ADD COLUMN total REAL NOT NULL DEFAULT 0;      -- projected whole-run seconds of a run that did not complete

-- What a machine can do, as `stoker calibrate` measured it.
CREATE TABLE calibrations (
  host        TEXT NOT NULL,
  machine_key TEXT NOT NULL,
  at          INTEGER NOT NULL,
  report      TEXT NOT NULL,              -- JSON of package calibrate
  imported    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (host, machine_key, at)
);

-- What was done to make runs faster, what it cost, and what it really gained.
CREATE TABLE cures (
  id          TEXT PRIMARY KEY,           -- unique over all machines
  host        TEXT NOT NULL,
  command_key TEXT NOT NULL DEFAULT '',
  cure        TEXT NOT NULL,              -- a cure's id of package why, or the user's own word
  before      TEXT NOT NULL,              -- JSON array of the uids of the runs before it
  after       TEXT NOT NULL,              -- and after it
  predicted   TEXT NOT NULL DEFAULT '',   -- Gain, as forecast; empty where nobody did
  measured    TEXT NOT NULL DEFAULT '',   -- Gain
  hours       REAL NOT NULL DEFAULT -1,   -- of work, -1 not told
  worked      INTEGER NOT NULL DEFAULT 0, -- the gain lay beyond the noise
  at          INTEGER NOT NULL,
  imported    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX cures_by_time ON cures (at DESC);

-- Forecasts of whole runs that `stoker estimate` made, and what came true.
CREATE TABLE forecasts (
  id          TEXT PRIMARY KEY,           -- unique over all machines
  uid         TEXT NOT NULL DEFAULT '',   -- the run that showed the truth; empty until then
  command_key TEXT NOT NULL DEFAULT '',
  made        INTEGER NOT NULL,
  machine_key TEXT NOT NULL,              -- of the machine that it speaks of
  low         REAL NOT NULL,              -- seconds of the whole run
  mid         REAL NOT NULL,
  high        REAL NOT NULL,
  truth       REAL NOT NULL DEFAULT -1,   -- seconds, -1 not known yet
  basis       TEXT NOT NULL DEFAULT '',   -- JSON: what it was made from
  imported    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX forecasts_open ON forecasts (command_key, machine_key, made DESC);
