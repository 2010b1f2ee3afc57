-- The tables of Synapse's state store (schema 94) and event_to_state_groups of its main store, with every index, as they are in
-- a running Synapse. `schema-pending.sql` has the two tables that came with schema 89.

CREATE SEQUENCE state_group_id_seq AS bigint START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;

CREATE TABLE state_groups (
    id bigint NOT NULL,
    room_id text NOT NULL,
    event_id text NOT NULL,
    CONSTRAINT state_groups_pkey PRIMARY KEY (id)
);
CREATE INDEX state_groups_room_id_idx ON state_groups USING btree (room_id);

CREATE TABLE state_groups_state (
    state_group bigint NOT NULL,
    room_id text NOT NULL,
    type text NOT NULL,
    state_key text NOT NULL,
    event_id text NOT NULL
);
-- Synapse sets it, since the planner's own guess from a sample of a big table is far off.
ALTER TABLE ONLY state_groups_state ALTER COLUMN state_group SET (n_distinct = -0.02);
CREATE INDEX state_groups_state_type_idx ON state_groups_state USING btree (state_group, type, state_key);

CREATE TABLE state_group_edges (
    state_group bigint NOT NULL,
    prev_state_group bigint NOT NULL
);
CREATE INDEX state_group_edges_prev_idx ON state_group_edges USING btree (prev_state_group);
CREATE UNIQUE INDEX state_group_edges_unique_idx ON state_group_edges USING btree (state_group, prev_state_group);

CREATE TABLE event_to_state_groups (
    event_id text NOT NULL,
    state_group bigint NOT NULL,
    CONSTRAINT event_to_state_groups_event_id_key UNIQUE (event_id)
);
CREATE INDEX event_to_state_groups_sg_index ON event_to_state_groups USING btree (state_group);
