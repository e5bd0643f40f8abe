SET memory.limit '1 GB';
