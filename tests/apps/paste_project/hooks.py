def post_worker_init(worker):
    worker.log.info("the hook of the INI was here: %s", worker.cfg.proc_name)
