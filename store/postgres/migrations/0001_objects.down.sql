DROP TABLE versions, history, changes, objects, counter;
