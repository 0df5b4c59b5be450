import subprocess,sys,os,re,json
binary=sys.argv[1]
names=re.findall(r'm\("([a-z0-9-]+)"\)', open('/tmp/doubles/mutate.py').read())
names=list(dict.fromkeys(names))
if len(sys.argv)>2: names=sys.argv[2:]
out={}
base=subprocess.run([binary,'--test-threads=4'],capture_output=True,text=True,env={**os.environ,'MUTANT':'none'},cwd='/work/wt/registries/tests')
print('none:',re.findall(r'test result:.*',base.stdout),flush=True)
for n in names:
    try:
        r=subprocess.run([binary,'--test-threads=4'],capture_output=True,text=True,env={**os.environ,'MUTANT':n},cwd='/work/wt/registries/tests',timeout=300)
        failed=sorted(set(re.findall(r'^test (\S+) \.\.\. FAILED',r.stdout,re.M)))
    except subprocess.TimeoutExpired:
        failed=['(timeout)']
    out[n]=failed
    print(n,'->',len(failed),' '.join(failed),flush=True)
json.dump(out,open('/tmp/doubles/results.json','w'))
